using System.Diagnostics;

namespace Broker.Bench.Peers;

/// <summary>The processes of a cluster: those of the nodes, in the order of their addresses, then what belongs to it besides.</summary>
internal sealed class ComparedProcesses(IReadOnlyList<int> ids)
{
    private const double TicksPerSecond = 100; // of /proc/stat, whatever the kernel's own clock
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(10);

    /// <summary>CPU time of all of them so far.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            var sum = TimeSpan.Zero;
            foreach (var id in ids)
            {
                using var process = Process.GetProcessById(id);
                sum += process.TotalProcessorTime;
            }

            return sum;
        }
    }

    /// <summary>CPU time that neither they nor this process have used, of all processors, since the machine started.</summary>
    public TimeSpan OthersCpuTime
    {
        get
        {
            using var self = Process.GetCurrentProcess();
            return MachineCpuTime() - CpuTime - self.TotalProcessorTime;
        }
    }

    /// <summary>Kills a node as <c>kill -9</c> does, and returns when it has ended.</summary>
    public async Task KillAsync(int node)
    {
        var clock = Stopwatch.StartNew();
        using var process = Process.GetProcessById(ids[node]);
        process.Kill();
        while (Runs(ids[node]))
        {
            if (clock.Elapsed > EndTimeout)
            {
                throw new TimeoutException($"process {ids[node]} was killed and still runs after {clock.Elapsed}");
            }

            await Task.Delay(1);
        }
    }

    /// <summary>False, too, for what has ended and is not yet fetched by its parent.</summary>
    private static bool Runs(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static TimeSpan MachineCpuTime()
    {
        // cpu user nice system idle iowait irq softirq steal: all but the two that are idle
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(static f => long.Parse(f, null)).ToList();
        return TimeSpan.FromSeconds((fields.Take(8).Sum() - fields[3] - fields[4]) / TicksPerSecond);
    }
}
