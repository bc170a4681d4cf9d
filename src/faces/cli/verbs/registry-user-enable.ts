import { disablingCommand } from '../registry-disabled.ts';

export const command = disablingCommand('enable', 'Let disabled users in again');
