/** A name as one part of a request path; slashes of image names stay. */
export const pathPart = (name: string): string =>
  name
    .split('/')
    .map((part) => encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%40', '@'))
    .join('/');

/** `/containers/NAME[/rest]`. */
export const containerPath = (name: string, rest = ''): string =>
  `/containers/${encodeURIComponent(name)}${rest}`;

export const imagePath = (name: string, rest = ''): string => `/images/${pathPart(name)}${rest}`;
