// AsyncAPI's own parser on one document. Prints how many messages it has, or all that is wrong with it.
import { Parser, fromFile } from '@asyncapi/parser';

const ERROR = 0;
const WARNING = 1;
const { document, diagnostics } = await fromFile(new Parser(), process.argv.at(-1)).parse();
const wrong = diagnostics.filter(({ severity }) => severity === ERROR || severity === WARNING);
for (const { code, path, message } of wrong) {
  console.log(`${code} at ${path.join('.')}: ${message}`);
}
if (wrong.length > 0 || document === undefined) {
  process.exitCode = 1;
} else {
  console.log(`messages ${document.allMessages().length}`);
}
