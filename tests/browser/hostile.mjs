// Texts that want to be markup, or to break the layout, stay texts.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { address, assert, check, end, isAccessible, isLaidOut, isQuiet, open, screenshot, sql } from './harness.mjs';

await check('every element is one that the page has anyway', async () => {
  const html = readFileSync(fileURLToPath(address), 'utf8');
  assert.equal(html.split('<script').length - 1, 2, 'the rows and the script');
  assert.ok(html.trimEnd().endsWith('</html>'));
  const page = await open();
  assert.equal(await page.locator('img, iframe, object, main script:not(#rows), b').count(), 0);
  assert.equal(await page.locator('main > section').count(), 8);
});

for (const width of [360, 1280]) {
  await check(`no text runs or breaks the layout: ${width}`, async () => {
    const page = await open({ width });
    await page.locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));
    await page.locator('.lane').first().hover();
    for (const text of ['script', '"', '<img', '\u202e', 'no action']) await page.locator('#filter-text').fill(text);
    await page.locator('#filter-text').fill('');
    assert.equal(await page.evaluate(() => window.x), undefined);
    await screenshot(page, `hostile-${width}`);
    isQuiet(page);
    await isLaidOut(page);
  });
}

await check('the texts are shown as they are', async () => {
  const page = await open();
  const rows = await page.evaluate(() => JSON.parse(document.querySelector('#rows').textContent));
  const texts = (statement) => sql(statement).map((row) => Object.values(row)[0]).toSorted();
  assert.deepEqual(rows.type.names.toSorted(), texts('SELECT DISTINCT type FROM actions WHERE type IS NOT NULL'));
  assert.deepEqual(rows.status.names.toSorted(), texts('SELECT DISTINCT status FROM actions WHERE status IS NOT NULL'));
  const names = await page.locator('.lane-name').allTextContents();
  for (const name of texts('SELECT DISTINCT name FROM droplets')) {
    // A parser of HTML reads every end of a line as a newline.
    assert.ok(names.includes(name.replaceAll('\r\n', '\n')), `the name ${name.slice(0, 60)} is another`);
  }
});

await check('axe finds nothing', async () => isAccessible(await open()));

await end();
