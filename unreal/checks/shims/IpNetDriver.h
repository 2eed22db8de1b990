#pragma once
#include "ShimNet.h"
