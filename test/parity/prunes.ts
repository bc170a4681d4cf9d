/** What a prune removes. */
export const PRUNES: Readonly<Record<string, readonly string[]>> = {
  'a dangling image pruned': ['load base', 'load other', 'tag $other shop:1', 'prune'],
  'a tagged image pruned': ['load other', 'tag $other shop:1', 'tag $other shop:2', 'prune -a'],
  'pruned beside containers': [
    'load base',
    'load other',
    'tag $base shop:1',
    'create box $base',
    'create can $other',
    'prune',
    'prune -a',
  ],
  'pruned pulled image': ['pull REG/team/app:1', 'pull REG/more/app:1', 'prune', 'prune -a'],
  'a digest only, pruned': ['pull REG/team/app@$pulled', 'prune'],
  'pruned chain': [
    'load base',
    'create box $base',
    'commit box first',
    'rm box',
    'create box $first',
    'commit box second',
    'rm box',
    'prune',
  ],
  'pruned with a child that has a tag': [
    'load base',
    'create box $base',
    'commit box child shop:1',
    'rm box',
    'prune',
  ],
};
