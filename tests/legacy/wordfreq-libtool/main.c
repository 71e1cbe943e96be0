int words_main(int argc, char **argv);

int main(int argc, char **argv)
{
    return words_main(argc, argv);
}
