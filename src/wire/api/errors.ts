import { defineErrors } from '#errors';

export const apiErrors = defineErrors('api', {
  fieldInvalid: {
    kind: 'invalid-argument',
    message: (p: { field: string; problem: string }) =>
      p.field === '' ? `invalid request body: ${p.problem}` : `invalid field ${p.field}: ${p.problem}`,
    hint: 'correct this field; the Docker Engine API 1.51 reference describes it',
  },
  bodyNotJson: {
    kind: 'invalid-argument',
    message: (p: { problem: string }) => `the request body is not JSON: ${p.problem}`,
    hint: 'send a JSON body with Content-Type: application/json',
  },
  parameterInvalid: {
    kind: 'invalid-argument',
    message: (p: { name: string; value: string; expected: string }) =>
      `invalid query parameter ${p.name}=${p.value}: expected ${p.expected}`,
    hint: 'correct this parameter; the Docker Engine API 1.51 reference describes it',
  },
  headerInvalid: {
    kind: 'invalid-argument',
    message: (p: { name: string; problem: string }) => `invalid header ${p.name}: ${p.problem}`,
    hint: 'send base64url-encoded JSON, as the Docker CLI does',
  },
  versionTooNew: {
    kind: 'invalid-argument',
    message: (p: { version: string; maximum: string }) =>
      `client version ${p.version} is too new. Maximum supported API version is ${p.maximum}`,
    hint: 'set DOCKER_API_VERSION to the maximum, or let the client negotiate',
  },
  versionTooOld: {
    kind: 'invalid-argument',
    message: (p: { version: string; minimum: string }) =>
      `client version ${p.version} is too old. Minimum supported API version is ${p.minimum}, please upgrade your client to a newer version`,
    hint: 'upgrade the client',
  },
});
