// axe finds nothing, in either mode, before and after the page is used.

import { check, end, isAccessible, open } from './harness.mjs';

for (const dark of [false, true]) {
  const mode = dark ? 'dark' : 'light';
  await check(`axe finds nothing: ${mode}`, async () => {
    await isAccessible(await open({ dark }));
  });
  await check(`axe finds nothing on a narrow screen: ${mode}`, async () => {
    await isAccessible(await open({ dark, width: 360 }));
  });
  await check(`axe finds nothing after the page was used: ${mode}`, async () => {
    const page = await open({ dark });
    await page.locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));
    await page.locator('input[name=calendar][value=failures]').check();
    await page.locator('#zoom-in').click();
    await page.locator('.lane').first().focus();
    await page.locator('#filter-text').fill('reboot');
    await page.locator('#actions thead button').first().click();
    await isAccessible(page);
  });
  await check(`axe finds nothing without a script: ${mode}`, async () => {
    const page = await open({ dark });
    // axe is a script itself: the elements as they are without the page's own.
    const still = await open({ dark, script: false });
    await page.setContent((await still.content()).replace(/<script[^>]*>[^]*?<\/script>/g, ''));
    await isAccessible(page);
  });
}
await end();
