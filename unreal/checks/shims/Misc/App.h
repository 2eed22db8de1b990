#pragma once
#include "ShimModules.h"
