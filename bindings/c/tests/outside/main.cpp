#include <musubi.hpp>

int main()
{
    musubi::Result why;
    return musubi::Client::create(musubi::Config("nonsense"), why) || why.code() != MUSUBI_ERR_ADDRESS;
}
