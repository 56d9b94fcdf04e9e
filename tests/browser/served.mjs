// The live page: the same figures, links that lead to answers, and nothing from elsewhere.

import { address, archiver, assert, check, end, figure, isAccessible, isLaidOut, isQuiet, open, screenshot, sql } from './harness.mjs';

const at = (path) => new URL(path, address).href;
const json = async (path) => (await fetch(at(path))).json();

const [{ id, droplet }] = sql(`SELECT id, resource_id AS droplet FROM actions
  WHERE resource_type = 'droplet' ORDER BY started_at DESC, id DESC LIMIT 1`);

await check('the overview has the same figures, and loads nothing from elsewhere', async () => {
  const page = await open();
  const [{ n }] = sql('SELECT count(*) AS n FROM actions');
  assert.equal(await figure(page, 'actions'), n);
  isQuiet(page);
  await isLaidOut(page);
  await isAccessible(page);
});

await check('the table leads to the action', async () => {
  const page = await open();
  await page.locator(`#actions a[href$="show/${id}"]`).click();
  await page.waitForURL(at(`/show/${id}`));
  assert.match(await page.locator('main').innerText(), new RegExp(id));
  isQuiet(page);
});

await check('the table leads to the droplet', async () => {
  const page = await open();
  await page.locator(`#actions a[href$="timeline/${droplet}"]`).first().click();
  await page.waitForURL(at(`/timeline/${droplet}`));
  await screenshot(page, 'served-droplet');
  isQuiet(page);
  await isLaidOut(page);
  await isAccessible(page);
});

await check('filters are in the address, and the answer is that of the command', async () => {
  const [{ type }] = sql('SELECT type FROM actions GROUP BY type ORDER BY count(*) DESC LIMIT 1');
  const wanted = Number(archiver('query', '--type', type, '--count'));
  const filtered = await open({ at: at(`/?type=${type}`) });
  assert.equal(await figure(filtered, 'actions'), wanted);
  assert.deepEqual(await json(`/query.json?type=${type}`), JSON.parse(archiver('query', '--type', type, '-o', 'json')));
  const empty = await open({ at: at(`/query?type=${type}&status=&droplet=`) });
  assert.equal(await empty.locator('table tbody tr').count(), wanted);
});

for (const path of ['/query?limit=50', '/last', '/droplets', '/stats', '/status', '/report', '/report/failures', '/report/uptime']) {
  await check(`${path} is a page, and JSON beside it`, async () => {
    const page = await open({ at: at(path), width: 360 });
    const [before, after = ''] = path.split('?');
    const rows = await json(`${before}.json${after && `?${after}`}`);
    // A table for people may end with a line about all.
    const shown = page.locator('tbody tr').filter({ hasNotText: /^(total|fleet)/ });
    if (Array.isArray(rows)) assert.equal(await shown.count(), rows.length);
    isQuiet(page);
    await isLaidOut(page);
    await isAccessible(page);
  });
}

await check('a mistake is told on a page', async () => {
  const page = await open();
  const answer = await page.goto(at('/query?type=rebot&limit=many'));
  assert.equal(answer.status(), 400);
  assert.match(await page.locator('main').innerText(), /many/);
  assert.equal((await page.goto(at('/nonsense'))).status(), 404);
});

await end();
