namespace Broker.Bench;

/// <summary>The same measurement several times: its median, and how far the runs lie apart.</summary>
internal sealed record Samples(IReadOnlyList<double> Values)
{
    public double Median => Sorted[Values.Count / 2];

    /// <summary>Half the distance between the lowest and the highest run, as a share of the median.</summary>
    public double Spread => Median == 0 ? 0 : (Sorted[^1] - Sorted[0]) / 2 / Median;

    private List<double> Sorted => [.. Values.Order()];

    public static async Task<Samples> TakeAsync(int runs, Func<Task<double>> measure)
    {
        var values = new List<double>();
        for (var i = 0; i < runs; i++)
        {
            values.Add(await measure());
        }

        return new Samples(values);
    }
}

/// <summary>One line of the result.</summary>
internal sealed record Row(string What, string Unit, Samples Samples)
{
    public override string ToString() => $"{What,-52} {Format(Samples.Median),12} {Unit,-8} ±{Samples.Spread * 100,4:0} %   [{string.Join(" ", Samples.Values.Select(Format))}]";

    private static string Format(double value) => value >= 1000 ? value.ToString("#,##0", null) : value >= 10 ? value.ToString("0.0", null) : value.ToString("0.000", null);
}

/// <summary>Latencies of one run.</summary>
internal sealed class Latencies
{
    private readonly List<double> _microseconds = [];

    public void Add(TimeSpan elapsed) => _microseconds.Add(elapsed.TotalMicroseconds);

    /// <summary>Takes in those of another.</summary>
    public void Add(Latencies other) => _microseconds.AddRange(other._microseconds);

    public int Count => _microseconds.Count;

    /// <summary>In microseconds; the share is between 0 and 1.</summary>
    public double Percentile(double share)
    {
        _microseconds.Sort();
        return _microseconds.Count == 0 ? 0 : _microseconds[Math.Min(_microseconds.Count - 1, (int)(_microseconds.Count * share))];
    }
}
