// The numbers of the page are those of SQL and of the commands.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { archiver, assert, check, end, figure, number, open, sql } from './harness.mjs';

const json = (...words) => JSON.parse(archiver(...words, '-o', 'json'));
const numbers = (text) => (text.match(/[\d.,]+/g) ?? []).map((it) => Number(it.replaceAll(',', '')));
const words = (text) => text.replace(/[\d.,]+/g, '0');
const seconds = { d: 86_400, h: 3_600, m: 60, s: 1 };
const count = (rest) => sql(`SELECT count(*) AS n FROM ${rest}`)[0].n;

await check('the key figures are those of SQL', async () => {
  const page = await open();
  assert.equal(await figure(page, 'actions'), count('actions'));
  assert.equal(await figure(page, 'failures'), count("actions WHERE status = 'errored'"));
  assert.equal(await figure(page, 'in-progress'), count("actions WHERE status = 'in-progress'"));
  assert.equal(await figure(page, 'droplets'), json('droplets', '--existing').length);
  assert.equal(await figure(page, 'destroyed'), json('droplets', '--gone').length);
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

await check('the uptime and the downtime of a window are those of the reports', async () => {
  const window = ['--since', '2025-03', '--until', '2025-10'];
  archiver('page', '-o', 'window.html', ...window);
  const page = await open({ at: pathToFileURL(resolve('window.html')).href });
  assert.equal(await figure(page, 'actions'), Number(archiver('query', '--count', ...window)));
  const off = json('report', 'downtime', ...window).reduce((sum, line) => sum + line.downtime_seconds, 0);
  const shown = await page.locator('[data-figure=downtime] strong').innerText();
  const rest = [...shown.matchAll(/(\d+)([dhms])/g)].reduce((left, [, many, unit]) => left - many * seconds[unit], off);
  assert.ok(rest >= 0 && rest < (off < seconds.d ? seconds.m : seconds.h), `${shown}, and ${off} seconds`);
  const [[, ...months], ...rows] = await table(page, '#uptime');
  const droplets = new Map();
  for (const line of json('report', 'uptime', '--by', 'month', ...window)) {
    if (line.uptime_min_percent === null) continue;
    const { name, cells } = droplets.get(line.droplet_id) ?? { name: line.droplet_name ?? String(line.droplet_id), cells: {} };
    // Outwards to a tenth.
    const least = Math.floor(line.uptime_min_percent * 10 + 1e-6) / 10;
    const most = Math.ceil(line.uptime_max_percent * 10 - 1e-6) / 10;
    cells[line.period] = least === most ? String(least) : `${least}–${most}`;
    droplets.set(line.droplet_id, { name, cells });
  }
  const wanted = [...droplets.values()].map(({ name, cells }) => [name, ...months.map((month) => cells[month] ?? '')]);
  assert.deepEqual(rows.toSorted(), wanted.toSorted());
});

await check('the lines of the reports are those of report --all', async () => {
  const page = await open();
  const shown = await page.locator('#reports li').allInnerTexts();
  const wanted = json('report', '--all').map(({ name, found }) => `${name}: ${found}`);
  assert.deepEqual(shown.map(words), wanted.map(words));
  // Shares have changed a little since the page was made.
  shown.forEach((line, place) => numbers(line).forEach((it, at) => {
    const other = numbers(wanted[place])[at];
    assert.ok(Math.abs(it - other) <= 0.01 * other, `${line}, and ${wanted[place]}`);
  }));
});

/** The texts of the cells of the first table of a section, its header first. */
function table(page, section) {
  return page.locator(`${section} table`).first().evaluate((it) =>
    [...it.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim())));
}

await end();
