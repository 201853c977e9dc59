// Turn the columns of a flamegraph into nodes with a position, a total, and the total in the flamegraph to compare with.
function node(parent, frame, kind) {
  return { parent, frame, kind, depth: parent ? parent.depth + 1 : 0, own: 0, otherOwn: 0, total: 0, otherTotal: 0, width: 0, children: [], left: 0, right: 1 };
}

// Nodes of two flamegraphs are matched by function and file: lines move from one revision to the next.
function treeOf(flame, other) {
  const root = node(null, null, "whole");
  const nodes = [root];
  const add = (source, field) => {
    const rows = [];
    source.parents.forEach((parent, row) => {
      const parentNode = parent < 0 ? root : rows[parent];
      const frame = data.frames[source.frames[row]];
      const name = other ? JSON.stringify([frame[0], frame[1]]) : source.frames[row];
      parentNode.byName ??= new Map();
      let child = parentNode.byName.get(name);
      if (!child) {
        child = node(parentNode, frame, ["own", "library", "native"][frame[3]]);
        parentNode.byName.set(name, child);
        parentNode.children.push(child);
        nodes.push(child);
      }
      child[field] += source.bytes[row];
      rows.push(child);
    });
    if (source.other > 0) {
      let rest = root.children.find((child) => child.kind === "other");
      if (!rest) {
        rest = node(root, ["stacks below the display threshold", "", 0, 1, ""], "other");
        root.children.push(rest);
        nodes.push(rest);
      }
      rest[field] += source.other;
    }
  };
  add(flame, "own");
  if (other) add(other, "otherOwn");
  // children come after their parents, so that going backwards every total is complete when it is added
  for (let number = nodes.length - 1; number >= 0; number--) {
    const current = nodes[number];
    current.total += current.own;
    current.otherTotal += current.otherOwn;
    // as wide as the wider of the two: what is gone remains visible
    current.width += Math.max(current.own, current.otherOwn);
    if (current.parent) for (const field of ["total", "otherTotal", "width"]) current.parent[field] += current[field];
  }
  for (const current of nodes) {
    let left = current.left;
    current.children.sort((a, b) => (a.kind === "other") - (b.kind === "other") || b.width - a.width);
    for (const child of current.children) {
      child.left = left;
      left += ((current.right - current.left) * child.width) / (current.width || 1);
      child.right = left;
    }
  }
  return nodes;
}
