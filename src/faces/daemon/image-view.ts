/** What images look like in answers of each version of the API. */
import type { ImageInspectAnswer, ImageSummaryAnswer } from '#api';
import type { ImageInspect, ImageSummary } from '#library';

/** Whether the client speaks this version or a newer one. */
type Speaks = (version: string) => boolean;

/** What an untagged image is called before 1.43. */
const UNNAMED = { RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] };

/** One of GET /images/json. Before 1.44 the size stands there under the name of the virtual size, too. */
export const imageSummaryView = (image: ImageSummary, speaks: Speaks): ImageSummaryAnswer => {
  if (speaks('1.44')) return image;
  const unnamed = !speaks('1.43') && image.RepoTags.length === 0 && image.RepoDigests.length === 0;
  return { ...image, ...(unnamed ? UNNAMED : {}), VirtualSize: image.Size };
};

/** Fields of a configuration that are there even when they say nothing. */
const ALWAYS = {
  Cmd: null,
  Entrypoint: null,
  Env: null,
  Labels: null,
  OnBuild: null,
  User: '',
  Volumes: null,
  WorkingDir: '',
};

/** Those of a container, which images had until 1.49. */
const OF_CONTAINERS = {
  Hostname: '',
  Domainname: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: '',
};

/** GET /images/{name}/json. */
export const imageInspectView = (image: ImageInspect, speaks: Speaks): ImageInspectAnswer => {
  const legacy = speaks('1.50') ? ALWAYS : { ...OF_CONTAINERS, ...ALWAYS };
  const { Id, RepoTags, RepoDigests, Parent, Comment, Created, Config, ...more } = image;
  const { DockerVersion, Author, ...rest } = more;
  return {
    Id,
    RepoTags,
    RepoDigests,
    Parent,
    Comment,
    ...(Created === undefined ? {} : { Created }),
    ...(speaks('1.45') ? {} : { Container: '', ContainerConfig: legacy }),
    DockerVersion,
    Author,
    Config: { ...legacy, ...Config },
    ...rest,
    ...(speaks('1.44') ? {} : { VirtualSize: image.Size }),
  };
};
