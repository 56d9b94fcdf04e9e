// A browser, the binary's own answers, and named checks: what every script in this folder starts with.
//
// `tests/it/browser.rs` runs a script with a page as its argument, in the environment of an archive.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { layout } from './layout.mjs';

const argument = process.argv[2];
/** The address of the page under test. */
export const address = argument.startsWith('http:') ? argument : pathToFileURL(argument).href;
const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  // An emulated graphics card takes a third of the processor time of a test.
  args: [...sandbox, '--disable-gpu', '--disable-software-rasterizer'],
});
let failures = 0;

/** Runs one check. Its failure is printed by name, and the others still run. */
export async function check(name, body) {
  const started = Date.now();
  try {
    await body();
    console.log(`ok: ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED: ${name}\n  ${String(error.message).replaceAll('\n', '\n  ')}`);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
  }
}

/** Ends the script, with a failure when a check has failed. */
export async function end() {
  await browser.close();
  process.exit(failures ? 1 : 0);
}

/** Opens the page. `page.complaints` collects every request to elsewhere and every message of the console. */
export async function open({ width = 1280, height = 900, dark = false, script = true, at = address } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    javaScriptEnabled: script,
    reducedMotion: 'reduce',
  });
  // Six browsers may share two processors: this ends a wait that would never end, and measures nothing.
  context.setDefaultTimeout(100_000);
  const page = await context.newPage();
  page.complaints = [];
  const isOwn = (url) => (address.startsWith('http:') ? new URL(url).origin === new URL(address).origin : url.split('#')[0] === at);
  page.on('request', (request) => {
    const url = request.url();
    if (!isOwn(url) && !/^(data|blob):/.test(url)) page.complaints.push(`a request to ${url}`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => page.complaints.push(`error: ${error.message}`));
  await page.goto(at);
  return page;
}

function none(problems, where = '') {
  if (problems.length) throw new Error([where, ...problems].filter(Boolean).join('\n'));
}

/** Fails when the page has loaded anything from elsewhere, or complained on its console. */
export function isQuiet(page) {
  none(page.complaints);
}

/** Fails when the page scrolls sideways, or when a text is cut or covers another. */
export async function isLaidOut(page, where) {
  none(await page.evaluate(layout), where);
}

/** Fails when axe finds a violation. */
export async function isAccessible(page, where) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const found = violations.map(({ id, help, nodes }) => {
    const first = nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} — ${node.failureSummary.split('\n').at(-1).trim()}`);
    return `${id} (${help}), ${nodes.length} times: ${first.join(' | ')}`;
  });
  none(found, where);
}

export function screenshot(page, name) {
  return page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, fullPage: true, timeout: 120_000 });
}

/** The stdout of the binary. */
export function archiver(...words) {
  return execFileSync(process.env.ARCHIVER, words, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The rows of a statement. */
export function sql(statement) {
  return JSON.parse(archiver('sql', statement, '-o', 'json'));
}

/** The first number in a text such as `1,234 actions`. */
export function number(text) {
  const found = /-?\d[\d,]*/.exec(text);
  assert.ok(found, `no number in "${text}"`);
  return Number(found[0].replaceAll(',', ''));
}

/** The key figure of this name. */
export async function figure(page, name) {
  return number(await page.locator(`[data-figure="${name}"] dd`).first().innerText());
}

export { assert };
