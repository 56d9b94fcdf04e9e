// The table of actions: what it shows is what `archiver query` says, and a keyboard is enough.

import { readFileSync } from 'node:fs';
import { archiver, assert, check, end, isQuiet, number, open, sql } from './harness.mjs';

const columns = 'id,status,type,started_at,completed_at,duration_seconds,droplet_name,resource_id,resource_type,region_slug';

/** The view of the table, as its download has it, without the header. */
async function download(page) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('#download-csv').click()]);
  const [header, ...lines] = lines_of(readFileSync(await file.path(), 'utf8'));
  assert.equal(header, columns);
  return lines;
}

const { compare } = new Intl.Collator('en', { numeric: true });

const lines_of = (text) => text.replace(/^\ufeff/, '').trimEnd().split(/\r?\n/);

/** What `archiver query` says, newest first. */
const query = (...flags) => lines_of(archiver('query', '--reverse', '--columns', columns, '-o', 'csv', ...flags)).slice(1);

async function choose(page, control, label) {
  const box = page.locator(control);
  if (await box.evaluate((it) => it.tagName === 'SELECT')) await box.selectOption({ label });
  else await box.fill(label);
}

await check('the rows are those of query', async () => {
  const page = await open();
  const rows = query();
  assert.deepEqual(await download(page), rows);
  assert.equal(number(await page.locator('#shown').innerText()), rows.length);
  isQuiet(page);
});

const [often] = sql(`SELECT droplets.name, type, status, actions.region_slug AS region FROM actions
  JOIN droplets ON droplets.id = resource_id AND resource_type = 'droplet'
  WHERE status = 'errored' AND actions.region_slug IS NOT NULL
  GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC, 1 LIMIT 1`);

for (const [control, flag, label] of [
  ['#filter-type', '--type', often.type],
  ['#filter-status', '--status', often.status],
  ['#filter-region', '--region', often.region],
]) {
  await check(`${control} shows what query ${flag} shows`, async () => {
    const page = await open();
    await choose(page, control, label);
    assert.deepEqual(await download(page), query(flag, label));
    await page.reload();
    assert.deepEqual(await download(page), query(flag, label), 'after a reload');
  });
}

await check('#filter-droplet shows the actions of the droplet', async () => {
  const page = await open();
  await choose(page, '#filter-droplet', often.name);
  const name = `,${often.name},`;
  assert.deepEqual(await download(page), query().filter((line) => line.includes(name)));
});

await check('filters are combined, and emptied one by one', async () => {
  const page = await open();
  await choose(page, '#filter-type', often.type);
  await page.locator('#filter-text').fill(often.name.toUpperCase());
  const both = query('--type', often.type).filter((line) => line.includes(often.name));
  assert.deepEqual(await download(page), both);
  assert.equal(number(await page.locator('#shown').innerText()), both.length);
  await page.locator('#filter-text').fill('no action has this text');
  assert.equal(number(await page.locator('#shown').innerText()), 0);
  await page.locator('#filter-text').fill('');
  assert.deepEqual(await download(page), query('--type', often.type));
});

await check('each header sorts, both ways', async () => {
  const page = await open();
  const all = query().toSorted();
  const headers = page.locator('#actions thead button');
  const names = await headers.allInnerTexts();
  assert.ok(names.length >= 7, `only ${names} sort`);
  for (const [place, name] of names.entries()) {
    const orders = new Set();
    for (const _ of [1, 2]) {
      await headers.nth(place).click();
      const rows = await download(page);
      assert.deepEqual(rows.toSorted(), all, `sorted by ${name}, nothing is lost`);
      const sorted = await headers.nth(place).locator('xpath=..').getAttribute('aria-sort');
      orders.add(sorted);
      isSorted(rows, name, sorted);
    }
    assert.deepEqual([...orders].toSorted(), ['ascending', 'descending'], name);
  }
});

/** Fails when the rows are not sorted by the column with this heading. A row without a value comes last. */
function isSorted(rows, heading, order) {
  const key = (row) => {
    const [id, status, type, started, , took, name, resource, kind, region] = row.split(',');
    return { ID: id, Status: status, Type: type, Started: started, Took: took, Region: region, Resource: name || `${kind} ${resource}`.trim() }[heading];
  };
  const keys = rows.map(key);
  assert.ok(keys.every((it) => it !== undefined), `what is "${heading}"?`);
  const known = keys.filter((it) => it.trim());
  assert.ok(keys.slice(known.length).every((it) => !it.trim()), `${heading} ${order}: the unknown comes last`);
  const sign = order === 'ascending' ? 1 : -1;
  const wrong = known.findIndex((it, at) => at > 0 && compare(known[at - 1], it) * sign > 0);
  assert.equal(wrong, -1, `${heading} ${order}: ${known[wrong - 1]} before ${known[wrong]}`);
}

await check('Tab reaches every control, shows where it is, and comes out again', async () => {
  const page = await open();
  const controls = await page.evaluate(() => {
    const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
    const wanted = all.filter((it) => it.checkVisibility() && !it.disabled && (it.type !== 'radio' || it.checked));
    wanted.forEach((it, place) => { it.dataset.place = place; });
    return wanted.map((it) => it.outerHTML.slice(0, 100));
  });
  const reached = new Set();
  for (let presses = 0; presses < controls.length + 50; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const it = document.activeElement;
      if (it === document.body) return null;
      const style = getComputedStyle(it);
      const box = it.getBoundingClientRect();
      const sees = box.bottom > 0 && box.top < innerHeight && box.width > 0;
      const marked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none';
      return { place: it.dataset.place, marked, sees, html: it.outerHTML.slice(0, 100) };
    });
    if (!focused) break;
    assert.ok(focused.marked && focused.sees, `the focus is not visible: ${JSON.stringify(focused)}`);
    if (focused.place !== undefined) reached.add(Number(focused.place));
  }
  assert.deepEqual(controls.filter((_, place) => !reached.has(place)), [], 'not reached');
});

await end();
