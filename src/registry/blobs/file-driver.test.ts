import { createFileDriver } from './file-driver.ts';
import { blobDriverSuite } from './testing.ts';

blobDriverSuite('files', createFileDriver);
