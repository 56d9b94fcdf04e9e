/** Runs in the page: every way in which its layout is broken, in words. */
export function layout() {
  const problems = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    problems.push(`the page scrolls sideways: ${root.scrollWidth} in ${root.clientWidth} pixels`);
  }
  const words = (node) => JSON.stringify(node.textContent.trim().slice(0, 40));
  // The part of a rectangle that is visible, and why the rest is not.
  const clip = (rect, element) => {
    let { left, top, right, bottom } = rect;
    let cut = false;
    let floats = false;
    for (let box = element; box && box !== document.body; box = box.parentElement) {
      const style = getComputedStyle(box);
      floats ||= ['sticky', 'fixed'].includes(style.position);
      if (style.overflowX === 'visible' && style.clipPath === 'none') continue;
      const bounds = box.getBoundingClientRect();
      if (bounds.width <= 2 || bounds.height <= 2) return null;
      const hidden = ['hidden', 'clip'];
      const loses = (bounds.left > left + 2 || bounds.right < right - 2) && hidden.includes(style.overflowX)
        || (bounds.top > top + 4 || bounds.bottom < bottom - 4) && hidden.includes(style.overflowY);
      cut ||= loses && style.textOverflow !== 'ellipsis';
      left = Math.max(left, bounds.left);
      top = Math.max(top, bounds.top);
      right = Math.min(right, bounds.right);
      bottom = Math.min(bottom, bounds.bottom);
    }
    return { left, top, right, bottom, cut, floats };
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest('script, style, title, desc, option')) continue;
    if (!parent.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      const seen = clip(rect, parent);
      if (!seen) continue;
      if (seen.cut) problems.push(`${words(node)} is cut`);
      if (!seen.floats && seen.right - seen.left > 2 && seen.bottom - seen.top > 2) texts.push({ node, ...seen });
    }
  }
  texts.sort((one, other) => one.top - other.top);
  texts.forEach((one, place) => {
    for (const other of texts.slice(place + 1)) {
      if (other.top >= one.bottom) break;
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      // Boxes of lines are higher than their letters.
      const least = 0.3 * Math.min(one.bottom - one.top, other.bottom - other.top);
      if (one.node !== other.node && wide > 2 && high > least) problems.push(`${words(one.node)} covers ${words(other.node)}`);
    }
  });
  return [...new Set(problems)].slice(0, 10);
}
