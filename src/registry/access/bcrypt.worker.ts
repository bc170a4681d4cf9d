import { serveJobs } from '#work';
import { compareSync } from 'bcryptjs';
import type { PasswordCheck } from './passwords.ts';

serveJobs<PasswordCheck, boolean>(({ password, hash }) => compareSync(password, hash));
