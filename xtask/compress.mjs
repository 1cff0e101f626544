// Puts a Brotli and a gzip twin beside every file of a folder that shrinks by them.
// Node is here anyway and brings both; at the highest levels, as it is done once a build.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const WORTH_IT = 0.9;

async function compress(file) {
  const bytes = await readFile(file);
  const brotli = promisify(brotliCompress)(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const zipped = promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION });
  for (const [suffix, twin] of [["br", await brotli], ["gz", await zipped]]) {
    if (twin.length < bytes.length * WORTH_IT) {
      await writeFile(`${file}.${suffix}`, twin);
    }
  }
}

const [folder] = process.argv.slice(2);
const entries = await readdir(folder, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
await Promise.all(files.map(compress));
