// Random bits for dropout (section 3) from a counter: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy
// as 1, 2, 3"). The same key and counter give the same bits, whatever the order or number of threads.

struct Words {
  unsigned v[4];
};

__device__ __forceinline__ Words philox(Words counter, unsigned key0, unsigned key1) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xD2511F53u, counter.v[0]), low0 = 0xD2511F53u * counter.v[0];
    const unsigned high1 = __umulhi(0xCD9E8D57u, counter.v[2]), low1 = 0xCD9E8D57u * counter.v[2];
    counter = {{high1 ^ counter.v[1] ^ key0, low1, high0 ^ counter.v[3] ^ key1, low0}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}
