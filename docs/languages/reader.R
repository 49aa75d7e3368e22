# Rscript reader.R IMAGES LABELS SEED EPOCH   (seeds up to 2^53)

# Return a uint8 IDX file, raw or .gz: an array whose first axis is the example.
read_idx <- function(path) {
  file <- gzfile(path, "rb")
  on.exit(close(file))
  head <- readBin(file, "raw", 4)
  if (!identical(head[1:3], as.raw(c(0, 0, 8)))) stop(path, ": no IDX file of bytes")
  shape <- readBin(file, "integer", as.integer(head[4]), size = 4, endian = "big")
  data <- readBin(file, "integer", prod(shape) + 1, size = 1, signed = FALSE)
  if (length(data) != prod(shape)) stop(path, ": of another length")
  aperm(array(data, rev(shape)))
}

xor32 <- function(a, b) {
  bitwXor(a %/% 65536, b %/% 65536) * 65536 + bitwXor(a %% 65536, b %% 65536)
}
times32 <- function(a, b) {
  (a * (b %% 65536) + (a * (b %/% 65536)) %% 65536 * 65536) %% 2^32
}
fmix32 <- function(x) {
  x <- times32(xor32(x, x %/% 2^16), 0x85ebca6b)
  x <- times32(xor32(x, x %/% 2^13), 0xc2b2ae35)
  xor32(x, x %/% 2^16)
}

# Return the example, from 0, at a position, from 0, of an epoch's order of n (up to 2^53).
index_shuffle <- function(index, n, seed, epoch) {
  if (n == 1) return(0)
  w <- 8
  while (n > 4^w) w <- w + 1
  rol <- function(x, by) (x * 2^(by %% w)) %% 2^w + x %/% 2^(w - by %% w)
  f <- function(x) bitwXor(bitwAnd(rol(x, 1), rol(x, 8)), rol(x, 2))
  z <- c(1, 0, 1, 0, 1) # the low bits of 0x7369f885192c0ef5
  r <- c()
  for (j in 1:3) {
    low <- fmix32((seed %% 2^32 + j * 0x9e3779b9) %% 2^32)
    r[j] <- fmix32(xor32(epoch, fmix32(xor32(seed %/% 2^32, low)))) %% 2^w
  }
  for (j in 4:8) {
    rotated <- bitwXor(rol(r[j - 1], w - 3), rol(r[j - 1], w - 4))
    constant <- bitwXor(2^w - 4, z[j - 3]) # 0xfffffffc in w bits
    r[j] <- bitwXor(bitwXor(constant, r[j - 3]), rotated)
  }
  repeat {
    left <- index %/% 2^w
    right <- index %% 2^w
    for (i in c(1, 3, 5, 7)) {
      left <- bitwXor(left, bitwXor(f(right), r[i]))
      right <- bitwXor(right, bitwXor(f(left), r[i + 1]))
    }
    index <- left * 2^w + right
    if (index < n) return(index)
  }
}

args <- commandArgs(TRUE)
images <- read_idx(args[1])
labels <- read_idx(args[2])
count <- length(labels)
if (dim(images)[1] != count) stop("another number of labels than of images")
pixels <- tempfile()
writeBin(as.raw(aperm(images)), pixels) # the file's order, for a digest that R has
cat("count ", count, "\nlabels ", sum(labels), "\nmd5 ", tools::md5sum(pixels), "\n", sep = "")
first <- sapply(seq_len(min(count, 10)) - 1, index_shuffle, count,
                as.numeric(args[3]), as.numeric(args[4]))
cat("order", format(first, scientific = FALSE, trim = TRUE), "\n")
