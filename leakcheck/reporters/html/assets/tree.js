// From the columns of a flame to nodes with a place each; a node knows its total, and what it was in the other flame.
function wholeOf(flame) {
  return flame.bytes.reduce((sum, bytes) => sum + bytes, 0) + flame.other;
}

function node(parent, frame, kind) {
  return { parent, frame, kind, depth: parent ? parent.depth + 1 : 0, own: 0, ownThere: 0, total: 0, there: 0, width: 0, children: [], left: 0, right: 1 };
}

// With a second flame nodes meet by function and file: lines move from one revision to the next.
function treeOf(flame, other) {
  const root = node(null, null, "whole");
  const nodes = [root];
  const add = (source, field) => {
    const rows = [];
    const known = new Map();
    source.parents.forEach((parent, row) => {
      const above = parent < 0 ? root : rows[parent];
      const frame = data.frames[source.frames[row]];
      const name = other ? JSON.stringify([frame[0], frame[1]]) : source.frames[row];
      if (!above.byName) above.byName = known.get(above) ?? new Map();
      let here = above.byName.get(name);
      if (!here) {
        here = node(above, frame, ["own", "library", "native"][frame[3]]);
        above.byName.set(name, here);
        above.children.push(here);
        nodes.push(here);
      }
      here[field] += source.bytes[row];
      rows.push(here);
    });
    if (source.other > 0) {
      let rest = root.children.find((one) => one.kind === "other");
      if (!rest) {
        rest = node(root, ["stacks too light to be told", "", 0, 1, ""], "other");
        root.children.push(rest);
        nodes.push(rest);
      }
      rest[field] += source.other;
    }
  };
  add(flame, "own");
  if (other) add(other, "ownThere");
  // children come after their parents, so backwards everything is summed when it is needed
  for (let at = nodes.length - 1; at >= 0; at--) {
    const one = nodes[at];
    one.total += one.own;
    one.there += one.ownThere;
    // as wide as in the one or the other, whichever is more: what is gone is seen too
    one.width += Math.max(one.own, one.ownThere);
    if (one.parent) for (const field of ["total", "there", "width"]) one.parent[field] += one[field];
  }
  for (const one of nodes) {
    let left = one.left;
    one.children.sort((a, b) => (a.kind === "other") - (b.kind === "other") || b.width - a.width);
    for (const child of one.children) {
      child.left = left;
      left += ((one.right - one.left) * child.width) / (one.width || 1);
      child.right = left;
    }
  }
  return nodes;
}
