import { cliErrors } from './errors.ts';

/** A name as one part of a request path; slashes of image names stay. */
export const pathPart = (name: string): string =>
  name
    .split('/')
    .map((part) => encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%40', '@'))
    .join('/');

/** `/containers/NAME[/rest]`. */
export const containerPath = (name: string, rest = ''): string =>
  `/containers/${encodeURIComponent(name)}${rest}`;

/**
 * `/images/NAME[/rest]`.
 *
 * @throws CLI_ARGUMENT_INVALID for no name, as of an unset variable, which would make another path
 */
export const imagePath = (name: string, rest = ''): string => {
  if (name !== '') return `/images/${pathPart(name)}${rest}`;
  throw cliErrors.argumentInvalid({
    problem: 'invalid reference format: the name of an image is empty',
    advice: 'name an image; `lade images` shows what is there',
  });
};
