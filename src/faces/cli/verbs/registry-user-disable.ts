import { disablingCommand } from '../registry-disabled.ts';

export const command = disablingCommand('disable', 'Keep users out until they are enabled again');
