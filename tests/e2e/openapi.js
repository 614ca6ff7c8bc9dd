// npm's @seriousme/openapi-schema-validator and ajv on /openapi.json (R34): by the schema of OpenAPI 3.1 itself, each reference leads somewhere, each schema is one of JSON Schema 2020-12.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const https = require('node:https');
const test = require('node:test');
const { pathToFileURL } = require('node:url');
const Ajv = require('ajv/dist/2020.js');

const shop = JSON.parse(fs.readFileSync(process.env.JETON_SHOP, 'utf8'));
let document;

const fetched = () => new Promise((resolve, reject) => {
  https.get(`${shop.url}/openapi.json`, { ca: fs.readFileSync(shop.certificate) }, (response) => {
    let text = '';
    response.on('data', (piece) => { text += piece; });
    response.on('end', () => resolve(JSON.parse(text)));
  }).on('error', reject);
});

test('the document is one of OpenAPI 3.1, and each reference leads somewhere', async () => {
  const { Validator } = await import(pathToFileURL(require.resolve('@seriousme/openapi-schema-validator')));
  document = await fetched();
  const validator = new Validator();
  assert.deepEqual(await validator.validate(structuredClone(document)), { valid: true });
  assert.equal(validator.version, '3.1');
  assert.ok(validator.resolveRefs());
});

test('what is none is refused: the validator looks', async () => {
  const { Validator } = await import(pathToFileURL(require.resolve('@seriousme/openapi-schema-validator')));
  for (const damage of [(all) => { delete all.info.title; }, (all) => { all.paths['/v1/tokens'].get.parameters[0].in = 'nowhere'; },
    (all) => { all.paths['/v1/tokens'].get.responses['200'].content['application/json'].schema.$ref = '#/components/schemas/None'; }]) {
    const damaged = structuredClone(document);
    damage(damaged);
    assert.equal((await new Validator().validate(damaged)).valid, false);
  }
});

test('each schema is one of JSON Schema 2020-12', () => {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const found = [];
  JSON.stringify(document, (name, value) => {
    if (name === 'schema') found.push(value);
    if (name === 'schemas') found.push(...Object.values(value));
    return value;
  });
  assert.ok(found.length > 200);
  for (const schema of found) assert.ok(ajv.validateSchema(schema), `${JSON.stringify(schema)}: ${ajv.errorsText()}`);
});
