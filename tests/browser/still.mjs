// The calendar changes what it shows, and the page is whole without its script.

import { assert, check, end, figure, isLaidOut, isQuiet, open, screenshot, sql } from './harness.mjs';

/** How each day looks, in order. */
const colours = (page) => page.locator('#calendar rect[data-day]').evaluateAll((days) =>
  days.map((day) => getComputedStyle(day).fill + getComputedStyle(day).opacity));

for (const script of [true, false]) {
  const mode = script ? 'with' : 'without';
  await check(`the calendar shows actions, failures or backups, ${mode} the script`, async () => {
    const page = await open({ script });
    const seen = new Set();
    for (const value of ['failures', 'backups', 'actions']) {
      await page.locator(`input[name=calendar][value=${value}]`).check();
      seen.add((await colours(page)).join());
      await screenshot(page, `calendar-${value}`);
    }
    assert.equal(seen.size, 3, 'each of them looks different');
    isQuiet(page);
  });
}

await check('without the script the figures, the charts and the newest rows are there', async () => {
  const page = await open({ script: false });
  const [{ n }] = sql('SELECT count(*) AS n FROM actions');
  assert.equal(await figure(page, 'actions'), n);
  for (const section of ['#calendar', '#fleet', '#failures', '#durations']) {
    assert.ok(await page.locator(`${section} svg`).first().isVisible(), section);
  }
  const shown = page.locator('#actions tbody tr');
  assert.equal(await shown.count(), Math.min(500, n));
  const [{ id }] = sql('SELECT id FROM actions ORDER BY started_at DESC, id DESC LIMIT 1');
  assert.ok((await shown.first().innerText()).includes(id), 'the newest comes first');
  const useless = page.locator('button:visible, select:visible, input:visible:not([name=calendar])');
  assert.deepEqual(await useless.evaluateAll((all) => all.map((it) => it.outerHTML)), [], 'needs the script');
  await screenshot(page, 'without-script');
  await isLaidOut(page);
  isQuiet(page);
});

await end();
