// npm's openid-client against the gateway: metadata, each grant, refresh, introspection and revocation (R17-R20, R25; RFC 6749, 7009, 7636, 7662, 8414, 9207).
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const test = require('node:test');
const { Issuer, custom, generators } = require('openid-client');
const { shop, client, browser, visit, signIn } = require('./browser.js');

custom.setHttpOptionsDefaults({ ca: fs.readFileSync(shop.certificate), timeout: 30000 });
let issuer;
let launched;
let site;

const as = (name, method) => new issuer.Client({ ...shop[name], redirect_uris: Object.values(shop.back), response_types: ['code'], token_endpoint_auth_method: method,
  introspection_endpoint_auth_method: method, revocation_endpoint_auth_method: method });

// The user is asked in Chromium; what the client is told in the end, and what it has to check that with.
async function ask(desk, decide, { back = shop.back.https, scope } = {}) {
  const checks = { code_verifier: generators.codeVerifier(), state: generators.state(), response_type: 'code' };
  const page = await visit(launched);
  await page.goto(desk.authorizationUrl({ redirect_uri: back, scope: scope ?? shop.scopes.join(' '), state: checks.state,
    code_challenge: generators.codeChallenge(checks.code_verifier), code_challenge_method: 'S256' }));
  await signIn(page);
  await decide(page);
  await page.waitForURL(/\/app\?/);
  assert.deepEqual(page.complaints, []);
  const told = desk.callbackParams(page.url());
  await page.context().close();
  return { told, checks, back };
}

const allow = (page) => page.getByRole('button', { name: 'Allow' }).click();
const deny = (page) => page.getByText('Deny').click();

test.before(async () => {
  site = await client();
  launched = await browser();
});
test.after(async () => {
  await launched?.close();
  site?.close();
});

test('metadata is found and says what there is (RFC 8414)', async () => {
  issuer = await Issuer.discover(`${shop.url}/.well-known/oauth-authorization-server`);
  assert.equal(issuer.issuer, shop.url);
  assert.equal(issuer.authorization_endpoint, `${shop.url}/oauth/authorize`);
  assert.ok(issuer.code_challenge_methods_supported.includes('S256'));
  assert.equal(issuer.authorization_response_iss_parameter_supported, true);
});

for (const method of ['client_secret_basic', 'client_secret_post']) {
  test(`client_credentials by ${method}: a token that introspection knows until it is revoked`, async () => {
    const erp = as('erp', method);
    const tokens = await erp.grant({ grant_type: 'client_credentials', scope: 'module:orders:read' });
    assert.equal(tokens.token_type, 'Bearer');
    assert.equal(tokens.scope, 'module:orders:read');
    const said = await erp.introspect(tokens.access_token);
    assert.deepEqual([said.active, said.client_id, said.scope], [true, shop.erp.client_id, 'module:orders:read']);
    await erp.revoke(tokens.access_token);
    for (let left = 100; (await erp.introspect(tokens.access_token)).active; left--) assert.ok(left > 0, 'revoked at once');
    await assert.rejects(erp.grant({ grant_type: 'client_credentials', scope: 'module:prices:read' }), { error: 'invalid_scope' });
  });
}

test('client_credentials by private_key_jwt: what the client signs names the issuer and its token endpoint, and is good once (RFC 7523)', async () => {
  const method = 'private_key_jwt';
  const signer = new issuer.Client({ client_id: shop.signer.client_id, token_endpoint_auth_method: method, introspection_endpoint_auth_method: method,
    revocation_endpoint_auth_method: method, token_endpoint_auth_signing_alg: 'ES256' }, { keys: [shop.key] });
  const tokens = await signer.grant({ grant_type: 'client_credentials' });
  assert.equal((await signer.introspect(tokens.access_token)).client_id, shop.signer.client_id);
  await signer.revoke(tokens.access_token);
});

test('authorization_code with PKCE: the user consents, the client acts for it, refreshes, and gives it back', async () => {
  const desk = as('desk', 'client_secret_basic');
  for (const back of Object.values(shop.back)) {
    const { told, checks } = await ask(desk, allow, { back });
    assert.equal(told.iss, shop.url);
    const tokens = await desk.oauthCallback(back, told, checks);
    const said = await desk.introspect(tokens.access_token);
    assert.deepEqual([said.active, said.sub, said.scope], [true, shop.user, shop.scopes.join(' ')]);
    const next = await desk.refresh(tokens.refresh_token);
    assert.notEqual(next.refresh_token, tokens.refresh_token);
    assert.equal((await desk.introspect(next.access_token)).active, true);
    await desk.revoke(next.refresh_token);
    for (let left = 100; (await desk.introspect(next.access_token)).active; left--) assert.ok(left > 0, 'revoked at once');
    await assert.rejects(desk.refresh(next.refresh_token), { error: 'invalid_grant' });
  }
});

test('a code is good for its verifier only, and the client notices a state or an issuer that is not right', async () => {
  const desk = as('desk', 'client_secret_basic');
  const { told, checks, back } = await ask(desk, allow, { scope: 'module:orders:read' });
  await assert.rejects(desk.oauthCallback(back, told, { ...checks, state: 'x' }), /state mismatch/);
  await assert.rejects(desk.oauthCallback(back, { ...told, iss: 'https://evil.example' }, checks), /iss mismatch/);
  await assert.rejects(desk.oauthCallback(back, told, { ...checks, code_verifier: generators.codeVerifier() }), { error: 'invalid_grant' });
});

test('a user who denies: access_denied', async () => {
  const desk = as('desk', 'client_secret_basic');
  const { told, checks, back } = await ask(desk, deny);
  await assert.rejects(desk.oauthCallback(back, told, checks), { error: 'access_denied' });
});

test('a wrong secret: invalid_client', async () => {
  const wrong = new issuer.Client({ ...shop.erp, client_secret: 'x' });
  await assert.rejects(wrong.grant({ grant_type: 'client_credentials' }), { error: 'invalid_client' });
});
