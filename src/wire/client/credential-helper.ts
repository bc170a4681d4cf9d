import { clientErrors } from './errors.ts';

export interface HelperAnswer {
  readonly code: number | null;
  readonly output: string;
}

/** Runs `docker-credential-NAME ACTION` with `input` on its stdin, as docker does. */
export const runHelper = async (name: string, action: string, input: string): Promise<HelperAnswer> => {
  const { spawn } = await import('node:child_process');
  const program = `docker-credential-${name}`;
  return await new Promise((resolve, reject) => {
    const child = spawn(program, [action], { stdio: ['pipe', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.stdout.on('data', (chunk: Buffer) => void chunks.push(chunk));
    child.on('error', (error) =>
      reject(clientErrors.credentialHelperFailed({ program, problem: error.message }, error)),
    );
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString().trim() }));
  });
};
