% octave reader.m IMAGES LABELS SEED EPOCH   (seeds up to 2^53)
1;

function data = read_idx(path)
  % Return a uint8 IDX file, raw or named .gz: its last axis is the example.
  file = fopen(path, "r", "ieee-be");
  if file < 0
    error("%s: cannot be opened", path);
  end
  head = fread(file, 4, "*uint8");
  if isequal(head(1:2), uint8([31; 139]))
    fclose(file);
    folder = tempname();
    mkdir(folder);
    unpacked = gunzip(path, folder);
    data = read_idx(unpacked{1});
    delete(unpacked{1});
    rmdir(folder);
    return
  end
  if ! isequal(head(1:3), uint8([0; 0; 8]))
    error("%s: no IDX file of bytes", path);
  end
  shape = fread(file, double(head(4)), "uint32")';
  data = fread(file, Inf, "*uint8");
  fclose(file);
  if numel(data) != prod(shape)
    error("%s: of another length", path);
  end
  data = reshape(data, [fliplr(shape), 1]); % columns vary first
  if numel(shape) > 1
    data = permute(data, [2, 1, 3:numel(shape)]);
  end
end

function x = fmix32(x)
  x = mod(bitxor(x, bitshift(x, -16)) * uint64(0x85ebca6b), 2 ^ 32);
  x = mod(bitxor(x, bitshift(x, -13)) * uint64(0xc2b2ae35), 2 ^ 32);
  x = bitxor(x, bitshift(x, -16));
end

function x = rol(x, by, w)
  by = mod(by, w);
  x = bitor(mod(bitshift(x, by), 2 ^ w), bitshift(x, by - w));
end

function x = f(x, w)
  x = bitxor(bitand(rol(x, 1, w), rol(x, 8, w)), rol(x, 2, w));
end

function index = index_shuffle(index, n, seed, epoch)
  % Return the example, from 0, at a position, from 0, of an epoch's order of n; all are uint64.
  if n == 1
    index = uint64(0);
    return
  end
  w = 8;
  while bitshift(n - 1, -2 * w) > 0
    w += 1;
  end
  r = zeros(1, 8, "uint64");
  z = uint64([1, 0, 1, 0, 1]); % the low bits of 0x7369f885192c0ef5
  for j = 1:3
    low = fmix32(mod(mod(seed, 2 ^ 32) + j * uint64(0x9e3779b9), 2 ^ 32));
    r(j) = mod(fmix32(bitxor(epoch, fmix32(bitxor(bitshift(seed, -32), low)))), 2 ^ w);
  end
  for j = 4:8
    rotated = bitxor(rol(r(j - 1), w - 3, w), rol(r(j - 1), w - 4, w));
    constant = bitxor(uint64(2 ^ w - 4), z(j - 3)); % 0xfffffffc in w bits
    r(j) = bitxor(bitxor(constant, r(j - 3)), rotated);
  end
  do
    left = bitshift(index, -w);
    right = mod(index, 2 ^ w);
    for i = 1:2:7
      left = bitxor(left, bitxor(f(right, w), r(i)));
      right = bitxor(right, bitxor(f(left, w), r(i + 1)));
    end
    index = bitor(bitshift(left, w), right);
  until index < n
end

args = argv();
images = read_idx(args{1});
labels = read_idx(args{2});
count = numel(labels);
if size(images, 3) != count
  error("another number of labels than of images");
end
pixels = permute(images, [2, 1, 3]); % the file's order
printf("count %d\nlabels %d\nsha256 %s\n", count, sum(labels), hash("sha256", char(pixels(:)')));
seed = uint64(str2double(args{3}));
epoch = uint64(str2double(args{4}));
printf("order");
for position = 0:min(count, 10) - 1
  printf(" %d", index_shuffle(uint64(position), uint64(count), seed, epoch));
end
printf("\n");
