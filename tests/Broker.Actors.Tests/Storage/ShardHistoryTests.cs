using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Storage.Records;

namespace Broker.Actors.Tests.Storage;

/// <summary>
/// Random lives of a replica: it appends, commits, cuts, checkpoints, installs snapshots, gives its log up and goes down; what comes back is what was committed, and what
/// may still be.
/// </summary>
public sealed class ShardHistoryTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void What_was_committed_comes_back_and_nothing_else_counts(int batch)
    {
        var seen = new Dictionary<string, int>();
        for (var seed = batch * 1000; seed < (batch * 1000) + 60; seed++)
        {
            try
            {
                Run(new Random(seed), what => seen[what] = seen.GetValueOrDefault(what) + 1);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}: {e.Message}", e);
            }
        }

        foreach (var (what, least) in new[]
        {
            ("crash", 200), ("cut", 60), ("late checkpoint", 60), ("move", 100), ("delete", 30), ("retired", 50), ("installed", 20), ("broken install", 10), ("held", 100), ("mark", 60), ("first", 30),
        })
        {
            Assert.True(seen.GetValueOrDefault(what) >= least, $"too little has happened: {what} {seen.GetValueOrDefault(what)} times, at least {least} are expected");
        }
    }

    private static void Run(Random random, Action<string> note)
    {
        var script = new ShardScript();
        script.BeginEpoch();
        script.CommitAll();
        var numbers = Enumerable.Range(1, 6).Select(i => (ulong)i).ToList(); // of queues; none is given out twice
        var late = new Dictionary<ulong, Action>(); // checkpoints that were made and not appended yet
        for (var step = 0; step < 120; step++)
        {
            switch (random.Next(40))
            {
                case < 16:
                    Append(script, random, numbers[random.Next(4)]);
                    break;
                case < 22 when script.Committed < script.Log.Last:
                    var committed = (int)script.Committed;
                    script.Commit(script.Committed + 1 + (ulong)random.Next((int)(script.Log.Last - script.Committed)));
                    foreach (var record in script.Records.GetRange(committed, (int)script.Committed - committed).Where(r => r.Kind == RecordKind.Deleted))
                    {
                        late.Remove(record.Entity); // a queue that is gone has no checkpoint
                    }

                    break;
                case 22 or 23:
                    script.BeginEpoch(withStart: random.Next(2) == 0);
                    if (script.Floor < script.Log.Last && random.Next(3) > 0)
                    {
                        script.Cut(script.Floor + (ulong)random.Next((int)(script.Log.Last - script.Floor)));
                        note("cut");
                    }

                    break;
                case 24 or 25 when Any(script, random) is { } queue && !late.ContainsKey(queue):
                    late.Add(queue, script.Checkpoint(queue));
                    break;
                case 26 or 27 when late.Count > 0:
                    Flush(late, late.Keys.Min());
                    note("late checkpoint");
                    break;
                case 28 or 29 when Any(script, random) is { } queue && !late.ContainsKey(queue):
                    script.Move(queue, 1 + random.Next(8));
                    late.Add(queue, script.Checkpoint(queue));
                    note("move");
                    break;
                case 30 when Any(script, random) is { } queue && script.Ahead.ContainsKey(queue) && numbers.Contains(queue):
                    script.Delete(queue);
                    numbers[numbers.IndexOf(queue)] = numbers.Max() + 1;
                    note("delete");
                    break;
                case 31 or 32:
                    foreach (var queue in late.Keys.ToList())
                    {
                        Flush(late, queue);
                    }

                    var start = script.Store.Log.StartPosition;
                    script.Retire();
                    note(script.Store.Log.StartPosition > start ? "retired" : "not retired");
                    break;
                case 33:
                    script.CommitAll();
                    break;
                case 34:
                    script.Store.Log.CommitMark();
                    note("mark");
                    break;
                case 35 when random.Next(3) == 0 && script.Floor > 0:
                    late.Clear();
                    Install(script, random, numbers, note);
                    break;
                case > 35 when random.Next(2) == 0:
                    late.Clear();
                    Crash(script, note);
                    break;
                default:
                    break;
            }
        }

        Crash(script, note);
    }

    private static void Append(ShardScript script, Random random, ulong queue)
    {
        var live = script.Ahead.TryGetValue(queue, out var ledger) && !script.IsInstalling ? ledger.Live.Ranges().ToList() : [];
        script.Append(
            queue,
            random.Next(4),
            random.Next(8) == 0 ? 8000 : 300,
            delivered: [.. live.Where(_ => random.Next(4) == 0).Select(r => new PositionRange(r.First, r.Last))],
            settled: [.. live.Where(_ => random.Next(3) == 0).Select(r => new PositionRange(r.First + ((r.Last - r.First) / 2), r.Last))]);
    }

    private static void Install(ShardScript script, Random random, List<ulong> numbers, Action<string> note)
    {
        var steps = random.Next(3) == 0 ? random.Next(5) : int.MaxValue;
        var made = random.Next(6);
        var stages = script.Install(make =>
        {
            for (var i = 0; i < made; i++)
            {
                make(numbers[random.Next(numbers.Count)], random.Next(3), null);
            }
        });
        var done = 0;
        foreach (var _ in stages)
        {
            if (done++ == steps)
            {
                Crash(script, note);
                note("broken install");
                return;
            }
        }

        note("installed");
    }

    private static void Crash(ShardScript script, Action<string> note)
    {
        var read = ShardText.Of(ShardLogReader.Read(script.Store.Log, script.Store, ShardScript.Shard));
        script.Crash();
        Assert.Empty(script.Recovery.Damages);
        Assert.Empty(script.Recovery.Lost);
        Assert.False(script.Recovery.HasLocal);
        ShardText.AssertIs(script, script.Recovered);
        Assert.Equal(ShardText.Of(script.Recovered), read);
        Assert.Equal(script.Store.Segments.Queues().Where(q => script.Store.Segments.Segments(q).Count > 0).Except(script.Ledgers.Keys), []);
        note("crash");
        note(script.Recovered.Held.Count > 0 ? "held" : "nothing held");
        note(script.Recovered.Log.First > 1 ? "first" : "all");
    }

    private static ulong? Any(ShardScript script, Random random) => script.Ledgers.Count == 0 || script.IsInstalling ? null : script.Ledgers.Keys.Order().ElementAt(random.Next(script.Ledgers.Count));

    private static void Flush(Dictionary<ulong, Action> late, ulong queue)
    {
        late.Remove(queue, out var append);
        append!();
    }
}
