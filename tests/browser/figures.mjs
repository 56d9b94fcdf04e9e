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
  const counts = sql(`SELECT substr(started_at, 1, 10) AS day, count(*) AS n, sum(status IS 'errored') AS failed,
    sum(type IN ('backup', 'snapshot')) AS backups FROM actions WHERE started_at IS NOT NULL GROUP BY day`);
  for (const { day, n, failed, backups } of counts) {
    const wanted = [`${day}: ${n} action`, failed && `, ${failed} failed`, backups && `, ${backups} backup`];
    for (const words of wanted.filter(Boolean)) assert.ok(days.get(day)?.includes(words), `${days.get(day)} has no "${words}"`);
  }
  const empty = shown.filter(([, title]) => title.endsWith(': 0 actions'));
  assert.equal(shown.length - empty.length, counts.length, 'all other days are empty');
});

await check('the tables by month are those of GROUP BY', async () => {
  const page = await open();
  const byMonth = sql(`SELECT substr(started_at, 1, 7) AS month, count(*) AS n, sum(status IS 'errored') AS failed
    FROM actions WHERE started_at IS NOT NULL GROUP BY month ORDER BY month DESC`);
  const [, ...calendar] = await table(page, '#calendar');
  assert.deepEqual(calendar.map((row) => [row[0], number(row[1]), number(row[2])]), byMonth.map(Object.values));
  const [, ...failures] = await table(page, '#failures');
  const sums = failures.map(([month, ...cells]) => [month, cells.filter(Boolean).map(number).reduce((one, other) => one + other)]);
  assert.deepEqual(sums, byMonth.filter(({ failed }) => failed).map(({ month, failed }) => [month, failed]));
});

await check('the cells of the uptime are those of the report', async () => {
  const page = await open();
  const [[, ...months], ...rows] = await table(page, '#uptime');
  const droplets = new Map();
  for (const line of JSON.parse(archiver('report', 'uptime', '--by', 'month', '-o', 'json'))) {
    if (line.uptime_min_percent === null) continue;
    const { name, cells } = droplets.get(line.droplet_id) ?? { name: line.droplet_name ?? String(line.droplet_id), cells: {} };
    cells[line.period] = [line.uptime_min_percent, line.uptime_max_percent];
    droplets.set(line.droplet_id, { name, cells });
  }
  const wanted = [...droplets].sort(([one], [other]) => one - other).map(([, droplet]) => droplet);
  assert.deepEqual(rows.map(([name]) => name), wanted.map(({ name }) => name));
  rows.forEach(([name, ...cells], place) => months.forEach((month, at) => {
    const bounds = wanted[place].cells[month];
    const shown = cells[at].split('–').map(Number);
    const where = `${name} in ${month}: "${cells[at]}", and ${bounds}`;
    if (!bounds) return assert.equal(cells[at], '', where);
    // The bounds are rounded outwards; the last month has grown since the page was made.
    assert.ok(bounds.every((bound, side) => Math.abs(bound - (shown[side] ?? shown[0])) <= 0.11), where);
  }));
});

await check('the lines of the reports are those of report --all', async () => {
  const page = await open();
  for (const line of JSON.parse(archiver('report', '--all', '-o', 'json'))) {
    const shown = await page.locator(`#reports [data-report="${line.name}"]`).innerText();
    assert.ok(shown.includes(line.found), `${shown}\n${JSON.stringify(line)}`);
  }
});

/** The texts of the cells of the first table of a section, its header first. */
function table(page, section) {
  return page.locator(`${section} table`).first().evaluate((it) =>
    [...it.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim())));
}

await end();
