import { serveJobs } from '#work';
import { compareSync } from 'bcryptjs';
import type { PasswordCheck } from './htpasswd.ts';

serveJobs<PasswordCheck, boolean>(({ password, hash }) => compareSync(password, hash));
