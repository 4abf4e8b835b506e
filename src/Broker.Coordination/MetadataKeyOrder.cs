namespace Broker.Coordination;

/// <summary>Orders keys by their bytes in UTF-8.</summary>
internal sealed class MetadataKeyOrder : IComparer<string>, IComparer<MetadataValue>
{
    public static MetadataKeyOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        var common = x.AsSpan().CommonPrefixLength(y);
        return common < x.Length && common < y.Length ? Rank(x[common]) - Rank(y[common]) : x.Length - y.Length;
    }

    public int Compare(MetadataValue? x, MetadataValue? y) => Compare(x?.Key, y?.Key);

    // UTF-16 puts what lies beyond U+FFFF, which takes two surrogates there, before U+E000; UTF-8 puts it last.
    private static int Rank(char unit) => unit switch
    {
        >= '\uE000' => unit - 0x800,
        >= '\uD800' => unit + 0x2000,
        _ => unit,
    };
}
