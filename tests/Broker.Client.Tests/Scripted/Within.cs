namespace Broker.Client.Tests.Scripted;

/// <summary>Every wait of a test has an end that says what it waited for.</summary>
internal static class Within
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    public static async Task<T> TimeAsync<T>(Task<T> task, string what)
    {
        try
        {
            return await task.WaitAsync(s_limit);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"waited {s_limit.TotalSeconds} s for {what}");
        }
    }

    public static async Task TimeAsync(Task task, string what)
    {
        try
        {
            await task.WaitAsync(s_limit);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"waited {s_limit.TotalSeconds} s for {what}");
        }
    }
}
