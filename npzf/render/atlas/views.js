// The three views: the net with its layers, a layer's wall, a map with its strongest activations as in figure 2.

function size(layer) {
  const [maps, ...plane] = [...layer.size].reverse();
  const units = plane.length ? `, ${plane.reverse().join(" × ")} units each` : "";
  const field = layer.field ? `, a unit sees ${layer.field.join(" × ")} pixels` : ", each sees the whole image";
  return `${maps} maps${units}${field}`;
}

function netView() {
  const cards = ATLAS.layers.map((layer) => {
    const order = [...layer.values.keys()].sort((a, b) => (layer.values[b][0] || 0) - (layer.values[a][0] || 0));
    const strip = el("div", { class: "strip" }, ...order.slice(0, 16).map((map) => thumbnail(layer, map)));
    const link = el("a", { href: address(layer) }, layer.name);
    return el("section", { class: "card" }, el("h3", {}, link), quiet(size(layer) + "; the most active:"), strip);
  });
  const head = ["layer", "kind", "output", "parameters", "field", "stride"].map((name) => el("th", { scope: "col" }, name));
  const rows = ATLAS.net.map(([name, ...rest]) => {
    const layer = ATLAS.layers.find((one) => one.name === name);
    const first = el("td", {}, layer ? el("a", { href: address(layer) }, name) : name);
    return el("tr", {}, first, ...rest.map((text, k) => el("td", k ? { class: "number" } : {}, text)));
  });
  head.slice(2).forEach((cell) => cell.classList.add("number"));
  const note = quiet("Field and stride in pixels of the input.");
  return [introduction, keys(), ...cards, scrollTable("The net", head, rows), note];
}

function wallView({ layer }) {
  const dead = layer.values.filter((values) => !values.length).length;
  const inactive = dead ? ` Never active here: ${dead}.` : "";
  const thumbnails = layer.values.map((_, map) => thumbnail(layer, map));
  return [
    el("div", { class: "heading" }, el("h2", {}, layer.name)),
    quiet(`${size(layer)}.${inactive} Of each map the projection of its strongest activation; mid-grey is zero.`),
    el("div", { class: "wall" }, ...thumbnails),
  ];
}

function mapView({ layer, map }) {
  const link = (to, text, name) => el("a", { href: address(layer, to), "aria-label": name }, text);
  const heading = el("div", { class: "heading" },
    el("h2", {}, el("a", { href: address(layer) }, layer.name), ` map ${map}`),
    ...(map > 0 ? [link(map - 1, `← ${map - 1}`, `previous map, ${map - 1}`)] : []),
    ...(map + 1 < layer.maps ? [link(map + 1, `${map + 1} →`, `next map, ${map + 1}`)] : []));
  if (!layer.values[map].length) return [heading, quiet(`Never active: in none of the ${ATLAS.total} images is it above zero.`)];
  const panels = [histogram, classes, places].map((panel) => panel(layer, map)).filter(Boolean);
  const left = el("div", {}, ...pictures(layer, map), activationTable(layer, map));
  return [heading, el("div", { class: "map" }, left, el("div", { class: "panels" }, ...panels))];
}

const image = (layer, map, k) => ATLAS.images[layer.images[map][k]];

function pictures(layer, map) {
  const values = layer.values[map];
  const block = (kind, what) => el("div", { class: "block" }, ...values.map((value, k) =>
    tile(layer, map, kind, k, `${what} ${k + 1}: activation ${value}, image ${image(layer, map, k)[0]}`)));
  const left = el("div", {}, el("h3", {}, "Projections"), block("projections", "projection"));
  const right = el("div", {}, el("h3", {}, "What the unit sees"), block("patches", "patch"));
  const note = "Mid-grey is zero; each projection has its own scale from black to white. Grey margins lie outside the image.";
  return [el("div", { class: "pair" }, left, right), quiet(note)];
}

// Pointing at a picture marks its partner and its line in the table.
function mark({ target }) {
  const k = target.closest("[data-k]")?.dataset.k;
  for (const node of main.querySelectorAll("[data-k]")) node.classList.toggle("at", node.dataset.k === k);
}

function histogram(layer, map) {
  const [counts, inactive, width] = [layer.counts[map], layer.inactive[map], layer.widths[map]];
  const most = Math.max(inactive, ...counts);
  const bar = (count, text) => el("span", { style: `height: ${(100 * count) / most}%`, title: `${count} images: ${text}` });
  const from = (b) => `${Number((b * width).toPrecision(3))} to ${Number(((b + 1) * width).toPrecision(3))}`;
  const last = Number((counts.length * width).toPrecision(3));
  const range = `active up to ${layer.values[map][0]}, on average ${layer.mean[map]}`;
  const text = `inactive in ${inactive} of ${ATLAS.total} images; ${range}`;
  return el("section", {}, el("h3", {}, "How strongly"),
    el("div", { class: "bars", role: "img", "aria-label": `Histogram: ${text}` },
      bar(inactive, "inactive"), ...counts.map((count, b) => bar(count, from(b)))),
    el("div", { class: "axis quiet", "aria-hidden": "true" }, el("span", {}, "inactive | 0"), el("span", {}, String(last))),
    quiet(`The map's strongest activation in each image: ${text}.`));
}

function classes(layer, map) {
  if (ATLAS.classes.length < 2) return null;
  const most = layer.means[map][0];
  const rows = layer.classes[map].flatMap((c, k) => {
    const bar = el("i", { style: `width: ${(100 * layer.means[map][k]) / most}%` });
    return [el("span", {}, ATLAS.classes[c]), bar, el("span", {}, String(layer.means[map][k]))];
  });
  const whose = ATLAS.labelled ? "" : ", classes as the net predicts";
  return el("section", {}, el("h3", {}, "For which classes"), el("div", { class: "shares" }, ...rows),
    quiet(`Mean of the strongest activation over the images of a class${whose}; over all images ${layer.mean[map]}.`));
}

function places(layer, map) {
  const rows = layer.places[map];
  if (rows.length * rows[0].length === 1) return null;
  const cells = [...rows.join("")].map((shade) => el("i", { style: `opacity: ${parseInt(shade, 36) / 35}` }));
  const grid = el("div", { class: "places", style: `grid-template-columns: repeat(${rows[0].length}, 1fr)` }, ...cells);
  grid.setAttribute("role", "img");
  grid.setAttribute("aria-label", "Map of the image: " + fullest(rows));
  const cell = layer.cell > 1 ? `, in cells of ${layer.cell} × ${layer.cell} units` : "";
  const note = quiet(`Where its strongest activations lie${cell}; most ${fullest(rows)}.`);
  return el("section", {}, el("h3", {}, "Where in the image"), grid, note);
}

// Which ninth of the image holds most.
function fullest(rows) {
  const ninths = new Array(9).fill(0);
  const third = (at, of) => Math.floor((3 * (at + 0.5)) / of);
  rows.forEach((row, r) => [...row].forEach((shade, c) => {
    ninths[3 * third(r, rows.length) + third(c, row.length)] += parseInt(shade, 36);
  }));
  const most = ninths.indexOf(Math.max(...ninths));
  const [down, across] = [["top", "middle", "bottom"][Math.floor(most / 3)], ["left", "centre", "right"][most % 3]];
  return most === 4 ? "in the centre" : `at the ${down} ${across}`;
}

function activationTable(layer, map) {
  const [, , prediction] = image(layer, map, 0);
  const names = ["", "activation", "scale of the projection", "image"];
  if (ATLAS.labelled) names.push("class");
  if (prediction !== undefined) names.push("prediction");
  const rows = layer.values[map].map((value, k) => {
    const [file, label, predicted, p] = image(layer, map, k);
    const cells = [el("td", { class: "number" }, String(k + 1)), el("td", { class: "number" }, String(value)),
      el("td", { class: "number scale" }, String(layer.scales[map][k])), el("td", { class: "name" }, file)];
    if (ATLAS.labelled) cells.push(el("td", { class: "name" }, label));
    if (predicted !== undefined) {
      const wrong = ATLAS.labelled && predicted !== label && ATLAS.classes.includes(predicted) ? " wrong" : "";
      cells.push(el("td", { class: "name" + wrong }, `${predicted} (${Math.round(100 * p)} %)`));
    }
    return el("tr", { "data-k": k }, ...cells);
  });
  const kinds = ["number", "number", "number scale"];
  const head = names.map((name, k) => el("th", { scope: "col", class: kinds[k] || "name" }, name));
  return scrollTable("The strongest activations", head, rows);
}

// A wide table is scrolled sideways in its own box, which the keyboard must reach.
function scrollTable(name, head, rows) {
  const parts = [el("caption", {}, name), el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)];
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, el("table", {}, ...parts));
}

function keys() {
  const key = (name) => el("kbd", {}, name);
  const [left, right, slash, escape] = ["←", "→", "/", "Esc"].map(key);
  const words = ["Keys: ", left, " ", right, " to the neighbouring maps, ", slash, " to search, ", escape, " back to the wall."];
  return el("p", { class: "quiet keys" }, ...words);
}
