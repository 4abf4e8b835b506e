using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

/// <summary>Random work on a disk that crashes now and then, and after each crash the question whether the contract allows what is left.</summary>
internal sealed class DiskHistory
{
    private const int SectorBytes = 64;
    private static readonly string[] s_folders = ["", "x"];
    private static readonly string[] s_names = ["a", "b", "c", "d"];

    private readonly int _seed;
    private readonly Random _random;
    private readonly List<string> _steps = [];

    // Per folder what it may hold, from the certain state to the one that is seen, and all files that may be found in one of these.
    private readonly Dictionary<string, List<SortedDictionary<string, FileOracle>>> _folders = [];
    private readonly Dictionary<FileOracle, IDiskFile> _open = [];
    private MemoryDisk _disk;

    public DiskHistory(int seed)
    {
        _seed = seed;
        _random = new Random(seed);
        _disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed, SectorBytes = SectorBytes, ShortReads = seed % 2 == 0 });
        foreach (var folder in s_folders)
        {
            _disk.CreateFolder(folder);
            _folders[folder] = [[]];
        }
    }

    /// <summary>Crashes that were survived, by power loss and by kill.</summary>
    public (int Lost, int Killed) Crashes { get; private set; }

    public void Run(int rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            var steps = _random.Next(1, 40);
            if (_random.Next(2) == 0)
            {
                _disk.CrashAt(_disk.OperationCount + _random.Next(1, steps + 1));
            }

            for (var i = 0; i < steps && !_disk.HasCrashed; i++)
            {
                Step();
            }

            // A kill in the middle of an operation would need an oracle of its own.
            Crash(lossless: !_disk.HasCrashed && _random.Next(3) == 0);
        }
    }

    private void Step()
    {
        var folder = s_folders[_random.Next(s_folders.Length)];
        var name = s_names[_random.Next(s_names.Length)];
        var path = Join(folder, name);
        var seen = _folders[folder][^1];
        switch (_random.Next(12))
        {
            case 0:
                Try($"sync folder '{folder}'", () => _disk.SyncFolder(folder), () => _folders[folder].RemoveRange(0, _folders[folder].Count - 1));
                break;
            case 1 when seen.ContainsKey(name):
                Change(folder, $"delete {path}", () => _disk.Delete(path), entries => entries.Remove(name));
                break;
            case 2 when seen.TryGetValue(name, out var moved):
                var target = s_names[_random.Next(s_names.Length)];
                Change(folder, $"move {path} to {target}", () => _disk.Move(path, Join(folder, target)), entries =>
                {
                    entries.Remove(name);
                    entries[target] = moved;
                });
                break;
            default:
                if (seen.TryGetValue(name, out var file))
                {
                    ChangeFile(path, file);
                }
                else
                {
                    var created = new FileOracle([], SectorBytes);
                    Change(folder, $"create {path}", () => _open[created] = _disk.Create(path), entries => entries[name] = created);
                }

                break;
        }
    }

    private void ChangeFile(string path, FileOracle oracle)
    {
        if (!_open.TryGetValue(oracle, out var file))
        {
            _open[oracle] = file = _disk.Open(path);
        }

        Assert.True(oracle.Seen.AsSpan().SequenceEqual(file.All()), Story($"{path} does not read as it was written"));
        var offset = _random.Next(0, 400);
        switch (_random.Next(8))
        {
            case 0:
                Try($"sync {path}", file.Sync, oracle.Sync);
                break;
            case 1:
                Try($"set length of {path} to {offset}", () => file.SetLength(offset), () => oracle.SetLength(offset), () => oracle.SetLength(offset));
                break;
            case 2:
                var more = new byte[Math.Max(0, offset - oracle.Seen.Length)];
                Try($"allocate {offset} for {path}", () => file.Allocate(offset), () => oracle.Write(oracle.Seen.Length, more), () => oracle.WriteInPart(oracle.Seen.Length, more));
                break;
            default:
                var bytes = DiskBytes.Pattern(_random.Next(), _random.Next(0, 300));
                var cut = _random.Next(bytes.Length + 1);
                Try(
                    $"write {bytes.Length} at {offset} of {path}",
                    () => file.Write(offset, [bytes.AsMemory(0, cut), bytes.AsMemory(cut)]),
                    () => oracle.Write(offset, bytes),
                    () => oracle.WriteInPart(offset, bytes));
                break;
        }
    }

    private void Change(string folder, string what, Action action, Action<SortedDictionary<string, FileOracle>> change)
    {
        void Apply()
        {
            var entries = new SortedDictionary<string, FileOracle>(_folders[folder][^1]);
            change(entries);
            _folders[folder].Add(entries);
        }

        Try(what, action, Apply, Apply);
    }

    private void Try(string what, Action action, Action done, Action? doneInPart = null)
    {
        _steps.Add(what);
        try
        {
            action();
        }
        catch (DiskCrashedException)
        {
            _steps.Add("crashed in it");
            doneInPart?.Invoke();
            return;
        }

        done();
    }

    private void Crash(bool lossless)
    {
        _steps.Add(lossless ? "killed" : "power lost");
        _disk = _disk.Crash(lossless);
        _open.Clear();
        foreach (var folder in s_folders)
        {
            JudgeFolder(folder, lossless);
        }

        Crashes = lossless ? Crashes with { Killed = Crashes.Killed + 1 } : Crashes with { Lost = Crashes.Lost + 1 };
    }

    private void JudgeFolder(string folder, bool lossless)
    {
        var found = _disk.ListFiles(folder).ToDictionary(name => name, name => _disk.ReadAll(Join(folder, name)));
        var complaint = $"'{folder}' holds {string.Join(", ", found.Keys)}, which it never did";
        foreach (var state in lossless ? [_folders[folder][^1]] : _folders[folder])
        {
            if (!found.Keys.SequenceEqual(state.Keys))
            {
                continue;
            }

            complaint = state.Select(entry => Complaint(Join(folder, entry.Key), entry.Value, found[entry.Key], lossless)).FirstOrDefault(each => each is not null);
            if (complaint is null)
            {
                break;
            }
        }

        Assert.True(complaint is null, Story(complaint ?? ""));
        if (!lossless)
        {
            var entries = found.Select(entry => KeyValuePair.Create(entry.Key, new FileOracle(entry.Value, SectorBytes)));
            _folders[folder] = [new SortedDictionary<string, FileOracle>(new Dictionary<string, FileOracle>(entries))];
        }
    }

    private static string? Complaint(string path, FileOracle oracle, byte[] found, bool lossless)
    {
        var complaint = !lossless ? oracle.Judge(found) : found.AsSpan().SequenceEqual(oracle.Seen) ? null : "a kill has changed the content";
        return complaint is null ? null : $"{path}: {complaint}";
    }

    private string Story(string complaint) => $"seed {_seed}: {complaint}\n  {string.Join("\n  ", _steps.TakeLast(60))}";

    private static string Join(string folder, string name) => folder.Length == 0 ? name : $"{folder}/{name}";
}
