// Elements, and tiles cut from the sheets of figure 2. All text is set as text, never as markup.

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const quiet = (...children) => el("p", { class: "quiet" }, ...children);
const address = (layer, map) => "#" + encodeURI(map === undefined ? layer.name : `${layer.name}/${map}`);

// A sheet is asked for when one of its tiles comes near the window.
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    target.style.backgroundImage = `url("${target.dataset.sheet}")`;
    near.unobserve(target);
  }
}, { rootMargin: "400px" });

// One tile of a sheet, at (column, row) of columns x rows; in shares of a tile, so that it can be shown at any size.
function sprite(layer, map, kind, column, row, columns, rows, attributes) {
  const start = String(map - (map % ATLAS.group)).padStart(4, "0");
  const cell = 1 + (2 * ATLAS.margin) / layer.side;
  const percent = (at, of) => (100 * (at * cell + ATLAS.margin / layer.side)) / (of * cell - 1);
  const node = el("span", { class: "sprite", ...attributes });
  node.dataset.sheet = `sheets/${layer.stem}-${start}-${kind}.webp`;
  node.style.backgroundSize = `${100 * columns * cell}% ${100 * rows * cell}%`;
  node.style.backgroundPosition = `${percent(column, columns)}% ${percent(row, rows)}%`;
  near.observe(node);
  return node;
}

const inGroup = (layer, map) => Math.min(ATLAS.group, layer.maps - (map - (map % ATLAS.group)));

function tile(layer, map, kind, k, label) {
  const row = map % ATLAS.group;
  return sprite(layer, map, kind, k, row, ATLAS.count, inGroup(layer, map), { role: "img", "aria-label": label, "data-k": k });
}

function thumbnail(layer, map) {
  const strongest = layer.values[map][0];
  const label = `${layer.name}, map ${map}, ` + (strongest ? `strongest activation ${strongest}` : "never active");
  const [width, at] = [ATLAS.thumbnails, map % ATLAS.group];
  const rows = Math.ceil(inGroup(layer, map) / width);
  const picture = strongest
    ? sprite(layer, map, "thumbnails", at % width, Math.floor(at / width), width, rows, { "aria-hidden": "true" })
    : el("span", { class: "sprite none", "aria-hidden": "true" });
  return el("a", { href: address(layer, map), "aria-label": label }, picture, String(map));
}
