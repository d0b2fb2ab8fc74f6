/* A driver's library without a device: says which CUDA it runs, and nothing else. */
int cuInit(unsigned flags) {
  (void)flags;
  return 100;
}

int cuDriverGetVersion(int *version) {
  *version = VERSION;
  return 0;
}

int cuGetErrorName(int error, const char **name) {
  (void)error;
  *name = "CUDA_ERROR_NO_DEVICE";
  return 0;
}

int cuGetErrorString(int error, const char **text) {
  (void)error;
  *text = "no CUDA-capable device is detected";
  return 0;
}
