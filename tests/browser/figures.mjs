// The numbers of the page are those of SQL and of the commands.

import { archiver, assert, check, end, figure, number, open, sql } from './harness.mjs';

const count = (rest) => sql(`SELECT count(*) AS n FROM ${rest}`)[0].n;

await check('the key figures are those of SQL', async () => {
  const page = await open();
  assert.equal(await figure(page, 'actions'), count('actions'));
  assert.equal(await figure(page, 'failures'), count("actions WHERE status = 'errored'"));
  assert.equal(await figure(page, 'in-progress'), count("actions WHERE status = 'in-progress'"));
  const droplets = JSON.parse(archiver('droplets', '-o', 'json'));
  assert.equal(await figure(page, 'droplets'), droplets.length);
  assert.equal(await figure(page, 'destroyed'), JSON.parse(archiver('droplets', '--gone', '-o', 'json')).length);
});

await check('each day of the calendar is that of GROUP BY', async () => {
  const page = await open();
  const shown = await page.locator('#calendar rect[data-day]').evaluateAll((days) =>
    days.map((day) => [day.dataset.day, day.querySelector('title').textContent]));
  const days = new Map(shown);
  assert.equal(days.size, shown.length, 'no day is there twice');
  const counts = sql(`SELECT substr(started_at, 1, 10) AS day, count(*) AS n FROM actions
    WHERE started_at IS NOT NULL GROUP BY day`);
  for (const { day, n } of counts) {
    assert.ok(days.has(day), `${day} is missing`);
    assert.equal(number(days.get(day).replace(day, '')), n, days.get(day));
  }
});

await check('the failures of each month are those of GROUP BY', async () => {
  const page = await open();
  const rows = await table(page, '#failures');
  const counts = sql(`SELECT substr(started_at, 1, 7) AS month, count(*) AS n FROM actions
    WHERE status = 'errored' GROUP BY month ORDER BY month`);
  const shown = new Map();
  for (const row of rows) {
    const [month] = row.filter((cell) => /^\d{4}-\d{2}$/.test(cell));
    const last = row.at(-1);
    if (month) shown.set(month, number(last));
  }
  for (const { month, n } of counts) assert.equal(shown.get(month), n, month);
});

await check('the cells of the uptime are those of the report', async () => {
  const page = await open();
  const rows = await table(page, '#uptime');
  const report = JSON.parse(archiver('report', 'uptime', '--by', 'month', '-o', 'json'));
  const months = rows[0];
  for (const line of report) {
    const row = rows.find(([name]) => name.includes(line.droplet_name) || name.includes(String(line.droplet_id)));
    const at = months.findIndex((month) => month.startsWith(line.period));
    if (!row || at < 0) continue;
    assert.ok(row[at], `${line.droplet_name} in ${line.period}`);
  }
});

await check('the lines of the reports are those of report --all', async () => {
  const page = await open();
  for (const line of JSON.parse(archiver('report', '--all', '-o', 'json'))) {
    const shown = await page.locator(`#reports [data-report="${line.report}"]`).innerText();
    assert.ok(shown.includes(line.summary), `${shown}\n${JSON.stringify(line)}`);
  }
});

/** The texts of the cells of the first table of a section, its header first. */
function table(page, section) {
  return page.locator(`${section} table`).first().evaluate((it) =>
    [...it.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim())));
}

await end();
