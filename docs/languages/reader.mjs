// node reader.mjs IMAGES LABELS SEED EPOCH
import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";
import { summary } from "./fmnist.mjs";

globalThis.crypto ??= webcrypto; // before node 19
const [images, labels, seed, epoch] = process.argv.slice(2);
const [pixels, classes] = [images, labels].map((path) => new Blob([readFileSync(path)]));
console.log(await summary(pixels, classes, BigInt(seed), Number(epoch)));
