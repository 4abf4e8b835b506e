using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Recovery;

namespace Broker.Storage.Tests.Recovery;

/// <summary>What a recovery must say of a log of which some bits are turned over. It knows where everything is and does not have to look for it.</summary>
internal sealed class DamageModel
{
    private readonly LogImage _image;
    private readonly HashSet<ImageRecord> _headers = [];
    private readonly HashSet<ImageRecord> _controls = [];
    private readonly HashSet<(ImageRecord Record, int Message)> _messages = [];
    private readonly Dictionary<ulong, EntityTail> _tails = [];
    private readonly SortedDictionary<ulong, EntityTail> _unseen = [];

    public DamageModel(LogImage image, IEnumerable<(string File, long Offset, int Bit)> flips)
    {
        _image = image;
        foreach (var (file, offset, _) in flips)
        {
            if (image.Records.LastOrDefault(r => r.File == file && r.Offset <= offset && offset < r.Offset + r.Header.Length) is not { } record)
            {
                continue; // the file's header, padding, or what nobody has written to
            }

            var message = record.MessageAt(offset);
            _ = offset < record.ControlOffset ? _headers.Add(record) : message < 0 ? _controls.Add(record) : _messages.Add((record, message));
        }

        Expect();
        foreach (var expected in _unseen.Values)
        {
            Lose(default, expected);
        }
    }

    /// <summary>Each record with the messages of it that are damaged.</summary>
    public List<(ulong Entity, ulong Index, string Damaged)> Records { get; } = [];

    public List<StoreDamage> Damages { get; } = [];

    public List<LostRecords> Lost { get; } = [];

    /// <summary>Whether the log ends where something cannot be read.</summary>
    public bool IsTorn { get; private set; }

    public void Check(Findings found)
    {
        Assert.Equal(Records, found.Records.Select(r => (r.Header.Entity, r.Header.Index, Text(r.Messages.Count, i => r.Messages[i].Bytes is null))));
        Assert.Equal(Damages, found.Damages.Select(d => d with { Reason = "" }));
        Assert.Equal(Lost, found.Lost);
        Assert.True(IsTorn || found.TornTails.Count == 0, "a torn tail where there is none");
        found.CheckBytes();
    }

    private void Expect()
    {
        for (var i = 0; i < _image.Records.Count; i++)
        {
            var record = _image.Records[i];
            var damaged = Enumerable.Range(0, record.Header.MessageCount).Where(m => _messages.Contains((record, m))).ToHashSet();
            var (header, control) = (_headers.Contains(record), _controls.Contains(record));
            if ((header || control || damaged.Count > 0) && !_image.Records.Skip(i + 1).Any(r => !_headers.Contains(r) && r.Header.SyncedPosition > record.Header.Position))
            {
                IsTorn = true;
                return;
            }

            if (header)
            {
                var end = record.Offset;
                for (; i < _image.Records.Count && _image.Records[i] is var next && next.File == record.File && _headers.Contains(next); i++)
                {
                    end += next.Header.PaddedLength;
                }

                i--;
                Damages.Add(new StoreDamage { File = record.File, Offset = record.Offset, Length = end - record.Offset, Reason = "" });
                continue;
            }

            if (control || damaged.Count > 0)
            {
                var h = record.Header;
                var count = control ? h.MessageCount : damaged.Count;
                Damages.Add(new StoreDamage
                {
                    File = record.File, Offset = record.Offset, Length = h.Length, Entity = h.Entity, FirstPosition = h.FirstPosition, MessageCount = count, Reason = "",
                });
            }

            if (!control)
            {
                Take(record, damaged);
            }
        }
    }

    private void Take(ImageRecord record, HashSet<int> damaged)
    {
        var header = record.Header;
        if (header.Kind == RecordKind.End)
        {
            return;
        }

        if (header.Kind == RecordKind.Mark)
        {
            var operations = _image.Files[record.File].AsMemory((int)record.ControlOffset, header.ControlBytes);
            foreach (var tail in LogMark.Tails(operations))
            {
                if (!_tails.TryGetValue(tail.Entity, out var known))
                {
                    _unseen[tail.Entity] = tail;
                }
                else if (known.Index < tail.Index)
                {
                    Lose(known, tail);
                }
            }

            return;
        }

        _unseen.Remove(header.Entity);
        if (_tails.TryGetValue(header.Entity, out var before) && before.Index + 1 < header.Index)
        {
            Lose(before, new EntityTail(header.Entity, header.Index - 1, header.FirstPosition));
        }

        _tails[header.Entity] = new EntityTail(header.Entity, header.Index, header.FirstPosition + (ulong)header.MessageCount);
        Records.Add((header.Entity, header.Index, Text(header.MessageCount, damaged.Contains)));
    }

    private void Lose(EntityTail known, EntityTail expected)
    {
        Lost.Add(new LostRecords(expected.Entity, known.Index + 1, expected.Index, known.NextPosition, expected.NextPosition));
        _tails[expected.Entity] = expected;
    }

    private static string Text(int count, Func<int, bool> isDamaged) => string.Concat(Enumerable.Range(0, count).Select(i => isDamaged(i) ? 'x' : '.'));
}
