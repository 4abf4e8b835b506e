using Broker.Machines.Ledgers;

namespace Broker.Machines.Tests.Ledgers;

/// <summary>Anything that may happen to a ledger, with a model of what is in the queue.</summary>
internal sealed class LedgerSteps
{
    private static readonly Kind[] Frequencies =
    [
        .. Enumerable.Repeat(Kind.Record, 14), Kind.Checkpoint, .. Enumerable.Repeat(Kind.BeginMove, 4), .. Enumerable.Repeat(Kind.BeginCompact, 2),
        .. Enumerable.Repeat(Kind.CompleteCopy, 6), .. Enumerable.Repeat(Kind.Damage, 2),
    ];

    internal enum Kind
    {
        Record,
        Checkpoint,
        BeginMove,
        BeginCompact,
        CompleteCopy,
        Damage,
    }

    internal readonly record struct Step(Kind Kind, int X, int Y);

    public LedgerLog Log { get; } = new();

    /// <summary>What is in the queue, and how often each was handed out.</summary>
    public SortedDictionary<ulong, int> Live { get; } = [];

    public static Step Generate(Random random) => new(Frequencies[random.Next(Frequencies.Length)], random.Next(1 << 16), random.Next(1 << 16));

    public void Perform(Step step)
    {
        var (_, x, y) = step;
        switch (step.Kind)
        {
            case Kind.Record:
                Record(x, y);
                break;
            case Kind.Checkpoint when !Log.IsCopying:
                Log.Checkpoint();
                break;
            case Kind.BeginMove:
                Log.BeginMove((x % 6) + 1);
                break;
            case Kind.BeginCompact:
                Log.BeginCompact(x % 3, (y % 3) + 1);
                break;
            case Kind.CompleteCopy when Log.IsCopying:
                Log.CompleteCopy();
                Log.Checkpoint();
                break;
            case Kind.Damage when Live.Count > 0:
                Log.Unreadable.Add(Live.ElementAt(x % Live.Count).Key);
                break;
            default:
                break;
        }
    }

    private void Record(int x, int y)
    {
        var next = Log.Ledger.NextPosition;
        var count = y % 3 == 0 ? 0 : x % 5;
        for (var i = 0; i < count; i++)
        {
            Live.Add(next + (ulong)i, 0);
        }

        var delivered = RangesOf(Live.Keys.Where((_, i) => (x >> ((i + 3) % 16) & 1) == 1 && i < 8));
        var settled = RangesOf(Live.Keys.Where((_, i) => (y >> (i % 16) & 1) == 1 && i < (y % 5 == 0 ? 40 : 6)));
        Log.Append(count, delivered, settled, y % 4 == 0 ? [new ProducerMark($"p{x % 3}", next)] : []);
        foreach (var position in delivered.SelectMany(Positions))
        {
            Live[position]++;
        }

        foreach (var position in settled.SelectMany(Positions))
        {
            Live.Remove(position);
        }
    }

    internal static IEnumerable<ulong> Positions(PositionRange range) => Enumerable.Range(0, (int)range.Count).Select(i => range.First + (ulong)i);

    private static List<PositionRange> RangesOf(IEnumerable<ulong> positions)
    {
        var ranges = new List<PositionRange>();
        foreach (var position in positions)
        {
            PositionRange.Append(ranges, position);
        }

        return ranges;
    }
}
