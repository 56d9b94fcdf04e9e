// The lanes of the droplets: zoom and details, by mouse and by keyboard.

import { archiver, assert, check, end, isLaidOut, isQuiet, open, screenshot } from './harness.mjs';

const droplets = JSON.parse(archiver('droplets', '-o', 'json'));
const views = (page) => page.locator('#lanes .life').evaluateAll((all) => all.map((it) => it.getAttribute('viewBox')));

await check('there is a lane for each droplet, with its name', async () => {
  const page = await open();
  const lanes = await page.locator('#lanes .lane').evaluateAll((all) =>
    all.map((it) => [Number(it.dataset.droplet), it.querySelector('.lane-name').textContent.trim()]));
  const wanted = droplets.map((droplet) => [droplet.id, droplet.name ?? String(droplet.id)]);
  const byId = (one, other) => one[0] - other[0];
  assert.deepEqual(lanes.toSorted(byId), wanted.toSorted(byId));
});

await check('the buttons zoom, and the way back leads to the start', async () => {
  const page = await open();
  const [start] = await views(page);
  const axis = await page.locator('#fleet-axis').innerHTML();
  await page.locator('#zoom-in').click();
  const [near, ...others] = await views(page);
  assert.notEqual(near, start);
  assert.ok(Number(near.split(' ')[2]) < Number(start.split(' ')[2]), `${near} shows less than ${start}`);
  assert.ok(others.every((view) => view === near), 'all lanes show the same time');
  assert.notEqual(await page.locator('#fleet-axis').innerHTML(), axis, 'the axis follows');
  await screenshot(page, 'fleet-near');
  await isLaidOut(page);
  await page.locator('#zoom-out').click();
  assert.equal((await views(page))[0], start);
  for (let clicks = 0; clicks < 60; clicks += 1) await page.locator('#zoom-in').click();
  const width = Number((await views(page))[0].split(' ')[2]);
  assert.ok(width > 0, `zooming ends somewhere: ${width}`);
  await page.locator('#zoom-reset').click();
  assert.equal((await views(page))[0], start);
  isQuiet(page);
});

await check('keys zoom, and go from lane to lane and from action to action', async () => {
  const page = await open();
  const shows = (width) => page.waitForFunction((it) =>
    Math.abs(document.querySelector('#lanes .life').viewBox.baseVal.width - it) < 1, width);
  const detail = page.locator('#fleet-detail');
  await page.locator('.lane').first().focus();
  for (const [key, width] of [['+', 50_000], ['+', 25_000], ['-', 50_000], ['0', 100_000]]) {
    await page.keyboard.press(key);
    await shows(width);
  }
  const last = await detail.innerText();
  await page.keyboard.press('ArrowLeft');
  assert.notEqual(await detail.innerText(), last, 'another action');
  await page.keyboard.press('ArrowRight');
  assert.equal(await detail.innerText(), last);
  await page.keyboard.press('ArrowDown');
  assert.ok(await page.locator('.lane').nth(1).evaluate((it) => it === document.activeElement));
});

await check('a lane under the mouse or the focus tells of its droplet', async () => {
  const page = await open();
  for (const at of [0, droplets.length - 1]) {
    const lane = page.locator('.lane').nth(at);
    const name = (await lane.locator('.lane-name').textContent()).trim();
    await lane.hover();
    await page.locator('#fleet-detail', { hasText: name }).waitFor();
    await page.locator('.lane').nth(1).focus();
    const second = (await page.locator('.lane .lane-name').nth(1).textContent()).trim();
    await page.locator('#fleet-detail', { hasText: second }).waitFor();
    await lane.focus();
    await page.locator('#fleet-detail', { hasText: name }).waitFor();
  }
  await isLaidOut(page);
});

await end();
