// The pages to sign in and to consent, as people have them: by keyboard, on a phone, in the dark, without script; and as attackers would like to (R17, R23).
'use strict';
const assert = require('node:assert/strict');
const test = require('node:test');
const { shop, client, browser, visit, signIn } = require('./browser.js');

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'; // of RFC 7636, appendix B
let launched;
let site;

const target = (changed = {}) => `${shop.url}/oauth/authorize?` + new URLSearchParams({ response_type: 'code', client_id: shop.desk.client_id, redirect_uri: shop.back.https,
  scope: shop.scopes.join(' '), state: 's t&a=te', code_challenge: CHALLENGE, code_challenge_method: 'S256', ...changed });
const code = async (page) => {
  await page.waitForURL(/\/app\?/);
  const told = new URL(page.url()).searchParams;
  assert.match(told.get('code') ?? '', /^jtn_code_/, page.url());
  assert.equal(told.get('state'), 's t&a=te');
};
const focus = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);

test.before(async () => {
  site = await client();
  launched = await browser();
});
test.after(async () => {
  await launched?.close();
  site?.close();
});

test('by keyboard alone, in the order of reading, with a mistake first', async () => {
  const page = await visit(launched);
  await page.goto(target());
  assert.equal(await focus(page), 'username');
  await page.keyboard.type(shop.username);
  await page.keyboard.press('Tab');
  assert.equal(await focus(page), 'password');
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  assert.match(await page.title(), /^Error: /);
  assert.equal(await page.getByLabel('User name').inputValue(), shop.username);
  assert.equal(await focus(page), 'password');
  await page.keyboard.type(shop.password);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  const order = [];
  for (let i = 0; i < 3; i++) {
    await page.keyboard.press('Tab');
    order.push(await focus(page));
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
    assert.equal(outline, '3px', 'where the focus is can be seen');
  }
  assert.deepEqual(order, ['Allow', 'Deny', 'Use another user']);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await code(page);
  assert.deepEqual(page.complaints, []);
});

test('without script, and again without signing in; another user; cancelled', async () => {
  const page = await visit(launched, { javaScriptEnabled: false });
  await page.goto(target());
  await signIn(page);
  await page.getByRole('button', { name: 'Allow' }).click();
  await code(page);
  const cookies = (await page.context().cookies(shop.url)).map(({ name, secure, httpOnly, sameSite, path }) => [name, secure, httpOnly, sameSite, path]);
  assert.deepEqual(cookies.sort(), ['__Host-jeton-form', '__Host-jeton-login'].map((name) => [name, true, true, 'Lax', '/']));
  // By a link of another site, as clients do: who is signed in is.
  site.pages['/shop'] = `<a href="${target({ redirect_uri: shop.back.http }).replaceAll('&', '&amp;')}">Connect</a>`;
  await page.goto(`http://127.0.0.1:${shop.port + 1}/shop`);
  await page.getByText('Connect').click();
  await page.getByText(`Signed in as ${shop.username}`).waitFor();
  await page.getByRole('button', { name: 'Allow' }).click();
  await code(page);
  await page.goto(target());
  await page.getByRole('button', { name: 'Use another user' }).click();
  await signIn(page, shop.other);
  await page.getByText(`Signed in as ${shop.other}`).waitFor();
  await page.getByRole('button', { name: 'Use another user' }).click();
  await page.getByText('Cancel').click();
  await page.waitForURL(/error=access_denied/);
  assert.deepEqual(page.complaints, []);
});

// What is written too faintly, by WCAG 2.2, 1.4.3; and what is too small to be touched.
const faults = () => {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parse(color).slice(0, 3).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if ((parse(color)[3] ?? 1) > 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    if (text && (a + 0.05) / (b + 0.05) < 4.5) found.push(`${element.textContent}: contrast of ${((a + 0.05) / (b + 0.05)).toFixed(1)}`);
    if (element.matches('a, button, input:not([type=hidden])') && element.getBoundingClientRect().height < 44) found.push(`${element.tagName}: less than 44 pixels high`);
    if (element.matches('input:not([type=hidden])') && (!element.labels.length || !element.autocomplete)) found.push(`${element.id}: no label, or no autocomplete`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push('wider than the screen');
  if (!document.documentElement.lang || !document.querySelector('h1') || !document.querySelector('main')) found.push('no language, heading or main part');
  return found;
};

for (const colorScheme of ['light', 'dark']) {
  test(`on a phone of 320 pixels, ${colorScheme}: all fits, is large enough to touch, and can be read`, async () => {
    const page = await visit(launched, { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true, colorScheme });
    await page.goto(target());
    assert.deepEqual(await page.evaluate(faults), []);
    await signIn(page, 'a-user-name-that-goes-on-and-on-without-a-place-to-break-it-in-two', 'wrong');
    await page.getByRole('alert').waitFor();
    assert.deepEqual(await page.evaluate(faults), []);
    await signIn(page);
    await page.getByRole('button', { name: 'Allow' }).waitFor();
    assert.deepEqual(await page.evaluate(faults), []);
    await page.goto(target({ client_id: 'x' }));
    assert.deepEqual(await page.evaluate(faults), []);
  });
}

test('another site can neither send our forms nor show our pages in its own', async () => {
  const page = await visit(launched);
  await page.goto(target());
  await signIn(page);
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  const form = await page.locator('form').first().evaluate((e) => ({ path: e.getAttribute('action'), fields: [...e.elements].map(({ name, value }) => [name, value]) }));
  const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  site.pages['/attack'] = `<form method="post" action="${escape(shop.url + form.path)}">${form.fields.map(([name, value]) =>
    (name ? `<input name="${name}" value="${escape(value)}">` : '')).join('')}</form><script>document.forms[0].submit()</script>`;
  for (const origin of [`http://127.0.0.1:${shop.port + 1}`, `https://localhost:${shop.port}`]) {
    await page.goto(`${origin}/attack`, { waitUntil: 'commit' }); // also of our own site, by another port
    await page.waitForURL(/oauth\/authorize/);
    await page.getByRole('alert').waitFor();
    assert.match(await page.getByRole('alert').textContent(), /came from another site/);
  }
  site.pages['/frame'] = `<iframe src="${escape(target())}"></iframe>`;
  await page.goto(`https://localhost:${shop.port}/frame`);
  const frame = page.frames()[1];
  assert.equal(await frame.locator('form').count(), 0);
  assert.ok(page.complaints.some((text) => /frame-ancestors|X-Frame-Options/.test(text)), `${page.complaints}`);
});
