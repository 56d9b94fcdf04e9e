// 50,000 actions: the file stays small, and the table reaches its end.

import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { address, assert, check, end, isQuiet, number, open, sql } from './harness.mjs';

await check('the file is small, and the table has few elements and all rows', async () => {
  const bytes = statSync(fileURLToPath(address)).size;
  assert.ok(bytes <= 4_000_000, `${bytes} bytes`);
  const started = Date.now();
  const page = await open();
  await page.locator('#shown', { hasText: '50,000' }).waitFor();
  console.log(`${bytes} bytes; the table is there after ${Date.now() - started} ms`);
  assert.equal(number(await page.locator('#shown').innerText()), 50_000);
  const elements = await page.locator('#actions *').count();
  assert.ok(elements < 3_000, `${elements} elements`);
  isQuiet(page);
});

await check('the table scrolls to its oldest row, by wheel and by key', async () => {
  const page = await open();
  const [{ id }] = sql('SELECT id FROM actions ORDER BY started_at, id LIMIT 1');
  const oldest = page.locator('#actions tbody tr', { hasText: String(id) });
  const scroller = page.locator('#action-table');
  await scroller.evaluate((it) => it.scrollTo(0, it.scrollHeight));
  await oldest.waitFor();
  await scroller.evaluate((it) => it.scrollTo(0, 0));
  await oldest.waitFor({ state: 'detached' });
  await scroller.focus();
  await page.keyboard.press('End');
  await oldest.waitFor();
  assert.ok((await page.locator('#actions *').count()) < 3_000);
});

await check('filters and sorting answer for all rows', async () => {
  const page = await open();
  await page.locator('#shown', { hasText: '50,000' }).waitFor();
  const started = Date.now();
  await page.locator('#filter-text').fill('reboot');
  const [{ n }] = sql("SELECT count(*) AS n FROM actions WHERE type = 'reboot'");
  await page.locator('#shown', { hasText: n.toLocaleString('en') }).waitFor();
  console.log(`filtered after ${Date.now() - started} ms`);
  isQuiet(page);
});

await end();
