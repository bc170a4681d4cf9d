import { randomInt } from 'node:crypto';

const ADJECTIVES = `
  able amber bold brave bright brisk calm candid clever cosy daring eager early fair fleet fond gentle gifted
  golden grand happy hardy honest humble jolly keen kind lively loyal lucky mellow merry mighty modest neat nimble
  noble patient placid plucky polite proud quick quiet ready rosy serene sharp silent sleek smart snug spry steady
  stoic sturdy sunny swift tender tidy trusty upbeat vivid warm wise witty zesty`
  .trim()
  .split(/\s+/);

const NOUNS = `
  anchor barge barque beacon berth bowline brig bulwark buoy canal captain caravel cargo chart clipper compass
  convoy coxswain crane current cutter deck derrick dhow dock estuary ferry fjord fleet frigate galleon galley
  gangway gantry harbour hatch haven helm horizon hull jetty junk keel ketch lagoon lantern lateen ledger lighter
  lugger manifest mast mizzen mooring navigator packet pennant pier pilot pinnace port prow quay rigging rudder
  schooner sextant shoal skiff sloop spinnaker stevedore strait tanker tide tiller trawler tug voyage warehouse
  wharf winch windlass yawl`
  .trim()
  .split(/\s+/);

const pick = (words: readonly string[]): string => words[randomInt(words.length)] ?? '';

/** A name such as `brisk_schooner` that is not taken; a number is added when luck runs out. */
export const generateName = (isTaken: (name: string) => boolean): string => {
  for (let attempt = 0; ; attempt += 1) {
    const name = `${pick(ADJECTIVES)}_${pick(NOUNS)}${attempt < 5 ? '' : String(randomInt(10 ** Math.min(attempt, 9)))}`;
    if (!isTaken(name)) return name;
  }
};

/** Docker's rule for names of containers and volumes. */
export const isValidName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name);
