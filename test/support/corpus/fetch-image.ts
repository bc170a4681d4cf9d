import { buildTree, readLayer, type ImageTree } from './image-tree.ts';

/** What a configuration says of how the image is used, and its history. */
export interface ImageConfig {
  /** RFC 3339 */
  readonly created: string;
  readonly architecture: string;
  readonly os: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly {
    readonly created_by?: string;
    readonly comment?: string;
    readonly empty_layer?: boolean;
  }[];
}

export interface FetchedImage {
  readonly config: ImageConfig;
  readonly tree: ImageTree;
  /** Digests of the manifest's layers, lowest first. */
  readonly layers: readonly string[];
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

const ACCEPT = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Reads images of a registry; each layer is read once, however many images have it. */
export const createImageReader = (address: string) => {
  const layers = new Map<string, ReturnType<typeof readLayer>>();

  const get = async (repository: string, path: string): Promise<Response> => {
    const response = await fetch(`http://${address}/v2/${repository}/${path}`, {
      headers: { accept: ACCEPT },
    });
    if (!response.ok) throw new Error(`${repository}/${path}: ${response.status} ${await response.text()}`);
    return response;
  };

  const layerOf = (repository: string, digest: string): ReturnType<typeof readLayer> => {
    const known = layers.get(digest);
    if (known !== undefined) return known;
    const read = get(repository, `blobs/${digest}`).then(({ body }) => {
      if (body === null) throw new Error(`${digest} has no content`);
      return readLayer(body);
    });
    layers.set(digest, read);
    return read;
  };

  return async (repository: string, tag: string): Promise<FetchedImage> => {
    const manifest = (await (await get(repository, `manifests/${tag}`)).json()) as Manifest;
    const config = (await (await get(repository, `blobs/${manifest.config.digest}`)).json()) as ImageConfig;
    const digests = manifest.layers.map(({ digest }) => digest);
    const read = [];
    for (const digest of digests) read.push(await layerOf(repository, digest));
    return { config, tree: buildTree(read), layers: digests };
  };
};
