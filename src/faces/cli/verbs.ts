import { registry } from './registry-verbs.ts';
import { hidden, service, verb, type Group, type Verb } from './verb-entry.ts';

const ps = verb('List containers', () => import('./verbs/ps.ts'));
const rm = verb('Remove one or more containers', () => import('./verbs/rm.ts'));
const run = verb('Create and run a new container from an image', () => import('./verbs/run.ts'));
const create = verb('Create a new container', () => import('./verbs/create.ts'));
const images = verb('List images', () => import('./verbs/images.ts'));
const rmi = verb('Remove one or more images', () => import('./verbs/rmi.ts'));
const build = verb('Build an image from a Dockerfile', () => import('./verbs/build.ts'));
const info = verb('Display system-wide information', () => import('./verbs/info.ts'));
const events = verb('Get real time events from the server', () => import('./verbs/events.ts'));
const inspect = verb(
  'Return low-level information on containers, images, volumes and networks',
  () => import('./verbs/inspect.ts'),
);

const ON_CONTAINERS = {
  attach: verb(
    'Attach local standard input, output, and error streams to a running container',
    () => import('./verbs/attach.ts'),
  ),
  commit: verb("Create a new image from a container's changes", () => import('./verbs/commit.ts')),
  cp: verb('Copy files/folders between a container and the local filesystem', () => import('./verbs/cp.ts')),
  create,
  diff: verb(
    "Inspect changes to files or directories on a container's filesystem",
    () => import('./verbs/diff.ts'),
  ),
  exec: verb('Execute a command in a running container', () => import('./verbs/exec.ts')),
  export: verb("Export a container's filesystem as a tar archive", () => import('./verbs/export.ts')),
  kill: verb('Kill one or more running containers', () => import('./verbs/kill.ts')),
  logs: verb('Fetch the logs of a container', () => import('./verbs/logs.ts')),
  pause: verb('Pause all processes within one or more containers', () => import('./verbs/pause.ts')),
  port: verb('List port mappings or a specific mapping for the container', () => import('./verbs/port.ts')),
  rename: verb('Rename a container', () => import('./verbs/rename.ts')),
  restart: verb('Restart one or more containers', () => import('./verbs/restart.ts')),
  rm,
  run,
  start: verb('Start one or more stopped containers', () => import('./verbs/start.ts')),
  stats: verb(
    'Display a live stream of container(s) resource usage statistics',
    () => import('./verbs/stats.ts'),
  ),
  stop: verb('Stop one or more running containers', () => import('./verbs/stop.ts')),
  top: verb('Display the running processes of a container', () => import('./verbs/top.ts')),
  unpause: verb('Unpause all processes within one or more containers', () => import('./verbs/unpause.ts')),
  update: verb('Update configuration of one or more containers', () => import('./verbs/update.ts')),
  wait: verb(
    'Block until one or more containers stop, then print their exit codes',
    () => import('./verbs/wait.ts'),
  ),
};

const ON_IMAGES = {
  build,
  history: verb('Show the history of an image', () => import('./verbs/history.ts')),
  import: verb(
    'Import the contents from a tarball to create a filesystem image',
    () => import('./verbs/import.ts'),
  ),
  load: verb('Load an image from a tar archive or STDIN', () => import('./verbs/load.ts')),
  pull: verb('Download an image from a registry', () => import('./verbs/pull.ts')),
  push: verb('Upload an image to a registry', () => import('./verbs/push.ts')),
  save: verb(
    'Save one or more images to a tar archive (streamed to STDOUT by default)',
    () => import('./verbs/save.ts'),
  ),
  tag: verb('Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE', () => import('./verbs/tag.ts')),
};

const container: Group = {
  summary: 'Manage containers',
  verbs: {
    ...ON_CONTAINERS,
    inspect: verb(
      'Display detailed information on one or more containers',
      () => import('./verbs/container-inspect.ts'),
    ),
    ls: ps,
    list: hidden(ps),
    ps: hidden(ps),
    prune: verb('Remove all stopped containers', () => import('./verbs/container-prune.ts')),
  },
};

const image: Group = {
  summary: 'Manage images',
  verbs: {
    ...ON_IMAGES,
    cp: verb(
      'Copy an image from registry to registry, without storing or unpacking it',
      () => import('./verbs/image-cp.ts'),
    ),
    inspect: verb(
      'Display detailed information on one or more images',
      () => import('./verbs/image-inspect.ts'),
    ),
    diff: verb('Compare two images: configuration, layers and files', () => import('./verbs/image-diff.ts')),
    ls: images,
    list: hidden(images),
    rm: rmi,
    remove: hidden(rmi),
    prune: verb('Remove unused images', () => import('./verbs/image-prune.ts')),
  },
};

const networkLs = verb('List networks', () => import('./verbs/network-ls.ts'));
const networkRm = verb('Remove one or more networks', () => import('./verbs/network-rm.ts'));
const network: Group = {
  summary: 'Manage networks',
  verbs: {
    connect: verb('Connect a container to a network', () => import('./verbs/network-connect.ts')),
    create: verb('Create a network', () => import('./verbs/network-create.ts')),
    disconnect: verb('Disconnect a container from a network', () => import('./verbs/network-disconnect.ts')),
    inspect: verb(
      'Display detailed information on one or more networks',
      () => import('./verbs/network-inspect.ts'),
    ),
    ls: networkLs,
    list: hidden(networkLs),
    rm: networkRm,
    remove: hidden(networkRm),
    prune: verb('Remove all unused networks', () => import('./verbs/network-prune.ts')),
  },
};

const volumeLs = verb('List volumes', () => import('./verbs/volume-ls.ts'));
const volumeRm = verb('Remove one or more volumes', () => import('./verbs/volume-rm.ts'));
const volume: Group = {
  summary: 'Manage volumes',
  verbs: {
    create: verb('Create a volume', () => import('./verbs/volume-create.ts')),
    inspect: verb(
      'Display detailed information on one or more volumes',
      () => import('./verbs/volume-inspect.ts'),
    ),
    ls: volumeLs,
    list: hidden(volumeLs),
    rm: volumeRm,
    remove: hidden(volumeRm),
    prune: verb('Remove unused local volumes', () => import('./verbs/volume-prune.ts')),
  },
};

const explain = verb(
  'Say for each step of a build whether it came from the cache, and why not',
  () => import('./verbs/explain.ts'),
);
const historyLs = verb('List builds, the newest first', () => import('./verbs/builder-history-ls.ts'));
const historyRm = verb('Forget builds and their logs', () => import('./verbs/builder-history-rm.ts'));
const debug = verb('Open a shell in the failed step of a build', () => import('./verbs/debug.ts'));
const builder: Group = {
  summary: 'Manage builds',
  verbs: {
    build,
    debug,
    du: verb('Show what builds keep on disk', () => import('./verbs/builder-du.ts')),
    explain,
    history: {
      summary: 'Show the builds that were made',
      verbs: {
        inspect: verb(
          'Show what a build was, and each of its steps',
          () => import('./verbs/builder-history-inspect.ts'),
        ),
        ls: historyLs,
        list: hidden(historyLs),
        rm: historyRm,
        remove: hidden(historyRm),
      },
      otherwise: historyLs,
    },
    logs: verb('Show the whole log of a build', () => import('./verbs/builder-logs.ts')),
    prune: verb('Remove build cache', () => import('./verbs/builder-prune.ts')),
  },
};

const cacheLs = verb('List the caches of RUN --mount=type=cache', () => import('./verbs/cache-ls.ts'));
const cacheRm = verb('Remove caches', () => import('./verbs/cache-rm.ts'));
const cache: Group = {
  summary: 'Manage the caches of RUN --mount=type=cache',
  verbs: {
    export: verb('Write a cache to an archive or a registry', () => import('./verbs/cache-export.ts')),
    import: verb('Fill a cache from an archive or a registry', () => import('./verbs/cache-import.ts')),
    ls: cacheLs,
    list: hidden(cacheLs),
    rm: cacheRm,
    remove: hidden(cacheRm),
  },
};

const buildx: Group = {
  summary: 'Build with BuildKit: another name of builder',
  hidden: true,
  verbs: builder.verbs,
};

const manifestRm = verb('Delete one or more manifest lists', () => import('./verbs/manifest-rm.ts'));
const manifestLs = verb('List manifest lists', () => import('./verbs/manifest-ls.ts'));
const manifest: Group = {
  summary: 'Put indexes together from images here and in registries',
  verbs: {
    annotate: verb(
      'Change the platform of a manifest in a list',
      () => import('./verbs/manifest-annotate.ts'),
    ),
    create: verb('Create a manifest list', () => import('./verbs/manifest-create.ts')),
    inspect: verb('Display a manifest or a manifest list', () => import('./verbs/manifest-inspect.ts')),
    ls: manifestLs,
    list: hidden(manifestLs),
    push: verb('Push a manifest list with its images', () => import('./verbs/manifest-push.ts')),
    rm: manifestRm,
    remove: hidden(manifestRm),
  },
};

const system: Group = {
  summary: 'Manage Lade',
  verbs: {
    adopt: verb('Bring over the images of a Docker installation', () => import('./verbs/system-adopt.ts')),
    check: verb('Read everything again, and repair what is damaged', () => import('./verbs/system-check.ts')),
    df: verb('Show disk usage', () => import('./verbs/system-df.ts')),
    events,
    info,
    prune: verb('Remove unused data', () => import('./verbs/system-prune.ts')),
  },
};

const configLs = verb('List settings', () => import('./verbs/config-ls.ts'));

/** Every word that may follow `lade`. */
export const VERBS: Readonly<Record<string, Verb | Group>> = {
  ...ON_CONTAINERS,
  ...ON_IMAGES,
  builder,
  cache,
  buildx,
  config: {
    summary: 'Manage settings of the daemon',
    verbs: {
      get: verb('Show the value of a setting', () => import('./verbs/config-get.ts')),
      ls: configLs,
      list: hidden(configLs),
      set: verb('Change a setting', () => import('./verbs/config-set.ts')),
      unset: verb('Take the default of a setting again', () => import('./verbs/config-unset.ts')),
    },
  },
  container,
  debug,
  daemon: service('Serve the Docker Engine API in the foreground'),
  events,
  image,
  images,
  explain,
  info,
  inspect,
  login: verb('Authenticate to a registry', () => import('./verbs/login.ts')),
  logout: verb('Log out from a registry', () => import('./verbs/logout.ts')),
  manifest,
  network,
  ps,
  registry,
  rmi,
  search: verb('Search Docker Hub for images', () => import('./verbs/search.ts')),
  system,
  undo: verb('Bring back deleted images', () => import('./verbs/undo.ts')),
  version: verb('Show the Lade version information', () => import('./verbs/version.ts')),
  volume,
};
