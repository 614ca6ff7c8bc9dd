// Debian's Chromium, and a client's own server for it to come back to.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { chromium } = require('playwright-core');

const shop = JSON.parse(fs.readFileSync(process.env.JETON_SHOP));

// The client's redirect URIs, by https and http. Both send the browser on to /app at another origin, as applications do, which keeps the query. Other pages: pages[path] is HTML.
async function client() {
  const pages = {};
  const answer = (request, response) => {
    const url = new URL(request.url, 'http://x');
    if (url.pathname === '/back') {
      response.writeHead(302, { Location: `https://localhost:${shop.port}/app${url.search}` }).end();
    } else {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(pages[url.pathname] ?? '<h1>The application</h1>');
    }
  };
  const options = { cert: fs.readFileSync(shop.certificate), key: fs.readFileSync(shop.certificate_key) };
  const servers = [https.createServer(options, answer).listen(shop.port), http.createServer(answer).listen(shop.port + 1)];
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  return { pages, close: () => servers.forEach((server) => { server.close(); server.closeAllConnections(); }) };
}

async function browser() {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

// A person's own profile; what the console complains about (a policy that is violated, …) is in page.complaints.
async function visit(launched, options = {}) {
  const context = await launched.newContext({ ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/favicon|status of (400|403|429)/.test(message.text() + message.location().url)) page.complaints.push(message.text());
  });
  return page;
}

async function signIn(page, username = shop.username, password = shop.password) {
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

module.exports = { shop, client, browser, visit, signIn };
