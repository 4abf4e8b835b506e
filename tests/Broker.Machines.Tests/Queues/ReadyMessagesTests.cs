using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;

namespace Broker.Machines.Tests.Queues;

public class ReadyMessagesTests
{
    [Fact]
    public void Nothing_comes_out_of_none()
    {
        var ready = new ReadyMessages();
        Assert.Equal(TakeResult.Empty, ready.TryTake(out _));
        Assert.Empty(ready.Peek(5, out var complete));
        Assert.True(complete);
        Assert.Equal(0, ready.Clear());
    }

    /// <summary>Steps: 0..4 append so many squared, 5..9 take so many squared, 10..14 return every so manieth of those taken, 15 clear.</summary>
    [Fact]
    public void They_leave_by_position_whatever_comes_and_returns() => RandomHistories.Check(1_500, 60, random => random.Next(160) / 10, steps =>
    {
        var ready = new ReadyMessages();
        var model = new SortedDictionary<ulong, QueueEntry>();
        var taken = new List<QueueEntry>();
        var position = 0UL;
        foreach (var step in steps)
        {
            var amount = (step % 5) + 1;
            switch (step / 5)
            {
                case 0:
                    for (var i = amount * amount; i > 0; i--)
                    {
                        var entry = new QueueEntry(++position, TestMessages.Named("m", (int)(position % 7)), 0);
                        ready.Append(entry);
                        model.Add(position, entry);
                    }

                    break;
                case 1:
                    for (var i = amount * amount; i > 0; i--)
                    {
                        Assert.Equal(model.Count > 0 ? TakeResult.Taken : TakeResult.Empty, ready.TryTake(out var entry));
                        if (model.Count > 0)
                        {
                            Assert.Equal(model.First().Value, entry);
                            model.Remove(entry.Position);
                            taken.Add(entry);
                        }
                    }

                    break;
                case 2:
                    for (var i = taken.Count - 1; i >= 0; i -= amount)
                    {
                        ready.Return(taken[i]);
                        model.Add(taken[i].Position, taken[i]);
                        taken.RemoveAt(i);
                    }

                    break;
                default:
                    Assert.Equal(model.Count, ready.Clear());
                    model.Clear();
                    break;
            }

            Assert.Equal(model.Count, ready.Count);
            Assert.Equal(model.Values.Sum(e => (long)e.Message.SizeBytes), ready.LoadedBytes);
            Same.Sequence(model.Values.Take(3), ready.Peek(3, out var complete));
            Assert.True(complete);
        }

        Assert.Equal(model.Values, ready.Peek(int.MaxValue, out _));
    });

    private enum Kind
    {
        Append,
        Take,
        Return,
        ReturnWithoutBytes,
        Unload,
        Load,
        Lose,
        Clear,
    }

    private static readonly Kind[] Frequencies =
    [
        Kind.Append, Kind.Append, Kind.Append, Kind.Take, Kind.Take, Kind.Take, Kind.Take, Kind.Return, Kind.Return, Kind.ReturnWithoutBytes, Kind.Unload, Kind.Unload,
        Kind.Load, Kind.Load, Kind.Load, Kind.Load, Kind.Load, Kind.Lose, Kind.Clear,
    ];

    private readonly record struct Step(Kind Kind, int X, int Y);

    [Fact]
    public void They_leave_by_position_whatever_of_them_is_on_disk_only() => RandomHistories.Check(
        2_500,
        80,
        random => new Step(Frequencies[random.Next(Frequencies.Length)], random.Next(1, 30), random.Next(1 << 16)),
        steps =>
        {
            var run = new Run();
            foreach (var step in steps)
            {
                run.Perform(step);
                run.Compare(step.X);
            }

            run.LoadAll();
            run.Compare(int.MaxValue);
        });

    /// <summary>Messages by position, each with a note whether it is on disk only. Their sizes are at least one byte, as those of all messages.</summary>
    private sealed class Run
    {
        private readonly ReadyMessages _ready = new();
        private readonly SortedDictionary<ulong, (QueueEntry Entry, bool Absent)> _model = [];
        private readonly List<QueueEntry> _taken = [];
        private ulong _position;

        public void Perform(Step step)
        {
            var (_, x, y) = step;
            switch (step.Kind)
            {
                case Kind.Append:
                    for (var i = 0; i < x; i++)
                    {
                        var entry = EntryOf(++_position, 0);
                        _ready.Append(entry);
                        _model.Add(_position, (entry, Absent: false));
                    }

                    break;
                case Kind.Take:
                    Take(x);
                    break;
                case Kind.Return or Kind.ReturnWithoutBytes:
                    Return(every: (y % 4) + 1, absent: step.Kind == Kind.ReturnWithoutBytes);
                    break;
                case Kind.Unload:
                    Unload(keepBytes: y % 60, keepMessages: x + (y % 7));
                    break;
                case Kind.Load:
                    Load(y % 4 > 0 ? _ready.FirstAbsent : (ulong)y % (_position + 1), (ulong)x);
                    break;
                case Kind.Lose:
                    Lose((ulong)y % (_position + 1), (ulong)x / 4);
                    break;
                default:
                    Assert.Equal(_model.Count, _ready.Clear());
                    _model.Clear();
                    break;
            }
        }

        public void Compare(int peek)
        {
            var absent = _model.Values.Where(m => m.Absent).Select(m => m.Entry.Position).ToList();
            Assert.Equal(_model.Count, _ready.Count);
            Assert.Equal(_model.Count - absent.Count, _ready.LoadedCount);
            Assert.Equal(_model.Values.Sum(m => m.Absent ? 0L : m.Entry.Message.SizeBytes), _ready.LoadedBytes);
            Assert.Equal(absent.FirstOrDefault(), _ready.FirstAbsent);
            Assert.Equal(_model.Count > 0 && !_model.First().Value.Absent ? _model.First().Value.Entry.Message.SizeBytes : 0, _ready.NextSizeBytes);
            var inReach = _model.Values.TakeWhile(m => !m.Absent).Take(peek).Select(m => m.Entry).ToList();
            Same.Sequence(inReach, _ready.Peek(peek, out var complete));
            Assert.Equal(inReach.Count == Math.Min(peek, _model.Count), complete);
            Same.Sequence(_model.Keys, _ready.Positions().SelectMany(r => Enumerable.Range(0, (int)r.Count).Select(i => r.First + (ulong)i)).Order());
        }

        public void LoadAll() => Load(0, _position);

        private void Take(int count)
        {
            for (; count > 0; count--)
            {
                var result = _ready.TryTake(out var entry);
                if (_model.Count == 0 || _model.First().Value is { Absent: true })
                {
                    Assert.Equal(_model.Count == 0 ? TakeResult.Empty : TakeResult.Absent, result);
                    return;
                }

                Assert.Equal(TakeResult.Taken, result);
                Assert.Equal(_model.First().Value.Entry, entry);
                _model.Remove(entry.Position);
                _taken.Add(entry);
            }
        }

        private void Return(int every, bool absent)
        {
            for (var i = _taken.Count - 1; i >= 0; i -= every)
            {
                var entry = _taken[i] with { DeliveryCount = _taken[i].DeliveryCount + 1 };
                _ready.Return(absent ? entry with { Message = entry.Message.WithoutBytes() } : entry);
                _model.Add(entry.Position, (entry, absent));
                _taken.RemoveAt(i);
            }
        }

        /// <summary>Which ones leave is not said; how many is bounded, and a second time none does.</summary>
        private void Unload(int keepBytes, int keepMessages)
        {
            var nothingToDo = _ready.LoadedBytes <= keepBytes / 2 && _ready.LoadedCount <= keepMessages / 2;
            var before = _ready.LoadedCount;
            _ready.Unload(keepBytes, keepMessages);
            Assert.InRange(_ready.LoadedBytes, 0, 2 * keepBytes);
            Assert.InRange(_ready.LoadedCount, 0, 2 * keepMessages);
            Assert.True(!nothingToDo || _ready.LoadedCount == before, "there was no need to unload anything");
            var kept = _ready.LoadedCount;
            _ready.Unload(keepBytes, keepMessages);
            Assert.Equal(kept, _ready.LoadedCount);

            // Those that are on disk only are found by giving them up and adding them again.
            foreach (var position in _ready.Lose(0, ulong.MaxValue).SelectMany(r => Enumerable.Range(0, (int)r.Count).Select(i => r.First + (ulong)i)))
            {
                var entry = _model[position].Entry;
                _model[position] = (entry, Absent: true);
                _ready.AddAbsent(new LiveRange(position, position, entry.DeliveryCount));
            }
        }

        private void Load(ulong first, ulong count)
        {
            var messages = new List<(ulong, StoredMessage)>();
            for (var position = first; position <= Math.Min(first + count, _position); position++)
            {
                messages.Add((position, EntryOf(position, 0).Message)); // those that are gone, taken or loaded too
                if (_model.TryGetValue(position, out var found))
                {
                    _model[position] = found with { Absent = false };
                }
            }

            _ready.Load(messages);
        }

        private void Lose(ulong first, ulong count)
        {
            var expected = _model.Values.Where(m => m.Absent && m.Entry.Position >= first && m.Entry.Position <= first + count).Select(m => m.Entry.Position).ToList();
            var lost = _ready.Lose(first, first + count);
            Assert.Equal(expected, lost.SelectMany(r => Enumerable.Range(0, (int)r.Count).Select(i => r.First + (ulong)i)));
            expected.ForEach(p => _model.Remove(p));
        }

        private static QueueEntry EntryOf(ulong position, int deliveryCount) => new(position, Messages[position % 7], deliveryCount);

        private static readonly StoredMessage[] Messages = [.. Enumerable.Range(1, 7).Select(size => TestMessages.Named("m", size))];
    }
}
