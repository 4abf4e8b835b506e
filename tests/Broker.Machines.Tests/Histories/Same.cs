namespace Broker.Machines.Tests.Histories;

/// <summary>Compares sequences as <see cref="Assert.Equal{T}(IEnumerable{T}, IEnumerable{T})"/> does, which is too slow to be called a million times.</summary>
internal static class Same
{
    public static void Sequence<T>(IEnumerable<T> expected, IEnumerable<T> actual)
    {
        if (!expected.SequenceEqual(actual))
        {
            Assert.Equal(expected, actual);
            Assert.Fail("the sequences differ");
        }
    }
}
